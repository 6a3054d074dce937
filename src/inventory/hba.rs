//! A line of `pg_hba.conf`, taken apart.

use std::net::Ipv4Addr;

use crate::cluster::HbaRule;

/// Reads a line. The error says what is wrong with it; rules about methods are `rules::hba`'s.
pub(super) fn parse(line: &str) -> Result<HbaRule, String> {
    if let Some(bad) = line.chars().find(|&c| !(c.is_ascii_graphic() || c == ' ' || c == '\t')) {
        return Err(format!("the character {bad:?} is not allowed in it"));
    }
    if let Some(bad) = line.chars().find(|&c| matches!(c, '"' | '#' | '\\' | '@')) {
        return Err(format!(
            "the character {bad:?} is not allowed in it: quotes, comments and files of names are not offered"
        ));
    }
    let mut fields = line.split_ascii_whitespace();
    let mut next = |what: &str| fields.next().map(str::to_owned).ok_or_else(|| format!("its {what} is missing"));
    let kind = next("type")?;
    if !matches!(kind.as_str(), "local" | "host" | "hostssl" | "hostnossl") {
        return Err(format!("it begins with `{kind}`, not with host, hostssl, hostnossl or local"));
    }
    let database = next("database")?;
    let user = next("role")?;
    let address = if kind == "local" { None } else { Some(next("address")?) };
    if let Some(address) = &address {
        check_address(address)?;
    }
    let mut method = next("method")?;
    if method.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("a netmask of its own is not offered; write the prefix length, such as 10.0.0.0/8".to_owned());
    }
    for option in fields {
        if !option.contains('=') {
            return Err(format!("`{option}` stands behind the method and is no option (`name=value`)"));
        }
        method.push(' ');
        method.push_str(option);
    }
    Ok(HbaRule { kind, database, user, address, method })
}

fn check_address(address: &str) -> Result<(), String> {
    if matches!(address, "all" | "samehost" | "samenet") {
        return Ok(());
    }
    let (network, prefix) = match address.split_once('/') {
        Some((network, prefix)) => (network, prefix.parse::<u8>().ok()),
        None => return Err(format!("`{address}` has no prefix length; one address alone is written {address}/32")),
    };
    if network.contains(':') {
        // IPv6 networks pass as they are; PostgreSQL reads them.
        return match (network.parse::<std::net::Ipv6Addr>(), prefix) {
            (Ok(_), Some(0..=128)) => Ok(()),
            _ => Err(format!("`{address}` is not a network")),
        };
    }
    let Some((network, prefix @ 0..=32)) = network.parse::<Ipv4Addr>().ok().zip(prefix) else {
        return Err(format!("`{address}` is not a network, such as 192.168.13.0/24"));
    };
    let mask = super::rules::mask(prefix);
    let masked = Ipv4Addr::from(u32::from(network) & mask);
    if masked == network {
        Ok(())
    } else {
        Err(format!("`{address}` has bits behind its prefix; write {masked}/{prefix}"))
    }
}
