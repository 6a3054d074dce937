//! One TCP connection into a lab, on standard input and output: what ssh runs to get from an ordinary shell to a host.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use super::spec::LabName;
use super::{Error, machine, ssh};

/// How long a host may take to accept. Inside one machine it takes microseconds, or nobody is there.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Connects to a host of the lab and relays until the host closes. The end of standard input is passed on, and what
/// the host still sends after that arrives.
pub fn relay(name: &LabName, host: Ipv4Addr, port: u16) -> Result<(), Error> {
    machine::need_root()?;
    let namespace = name.namespace_file();
    let Ok(wanted) = fs::metadata(&namespace) else { return Err(Error::NoLab { name: name.to_string() }) };
    let inside =
        fs::metadata("/proc/self/ns/net").is_ok_and(|own| own.ino() == wanted.ino() && own.dev() == wanted.dev());
    let failed = |source| Error::Relay { lab: name.to_string(), host: host.to_string(), port, source };
    if !inside {
        // A process can't change its own namespace without unsafe code: start again inside it.
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", namespace.display())).arg("--").arg(ssh::own_program()?);
        command.args(["lab", "relay", "--name", &name.to_string(), &host.to_string(), &port.to_string()]);
        return Err(failed(command.exec()));
    }
    let stream = TcpStream::connect_timeout(&SocketAddr::from((host, port)), CONNECT_LIMIT).map_err(failed)?;
    // The bare descriptors: the library's own standard output would hold back what has no newline.
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
    copy(&stream, File::from(input), File::from(output)).map_err(failed)
}

/// Both directions at once.
fn copy(stream: &TcpStream, mut input: File, mut output: File) -> io::Result<()> {
    // ssh's packets are small and somebody waits for each of them.
    stream.set_nodelay(true)?;
    let mut to_host = stream.try_clone()?;
    // Not joined: when the host has closed, nobody is left who could use what still comes in.
    std::thread::spawn(move || {
        let _ = pump(&mut input, &mut to_host);
        let _ = to_host.shutdown(Shutdown::Write);
    });
    match pump(&mut &*stream, &mut output) {
        // Our reader left, or the host was switched off: an end like any other.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        other => other,
    }
}

/// Copies until the end, each piece as it comes. (The library's own copy splices sockets and pipes, and lost connections here.)
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(&piece[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_end_of_input_is_passed_on_and_the_answer_to_it_arrives() {
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(&sent).unwrap();
        input.seek(SeekFrom::Start(0)).unwrap();
        let mut output = tempfile::tempfile().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let host = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut received = Vec::new();
            // Ends only when the relay passes the end of its input on.
            connection.read_to_end(&mut received).unwrap();
            connection.write_all(&received).unwrap();
        });
        copy(&stream, input, output.try_clone().unwrap()).unwrap();
        host.join().unwrap();
        output.seek(SeekFrom::Start(0)).unwrap();
        let mut answer = Vec::new();
        output.read_to_end(&mut answer).unwrap();
        assert!(answer == sent, "{} bytes came back of {}", answer.len(), sent.len());
    }
}
