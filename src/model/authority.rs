//! Hosts with their ports, as they stand in addresses of registries.

use core::net::IpAddr;

/// Whether what is sent there never leaves this machine, so that it goes without TLS. `authority` is a host, with its
/// port where it has one.
pub fn is_loopback(authority: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = authority.rsplit_once(':').filter(|(host, port)| is_port(port) && !host.ends_with(':')).map_or(authority, |(host, _)| host);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_of_this_machine_stay_on_it() {
        for authority in ["localhost", "localhost:5000", "ecr.localhost:4566", "127.0.0.1", "127.8.9.1:5000", "[::1]:5000", "[::1]", "::1"]
        {
            assert!(is_loopback(authority), "{authority}");
        }
        for authority in ["ghcr.io", "localhost.example", "notlocalhost:5000", "128.0.0.1:5000", "[::2]:5000", "localhost:x", ""] {
            assert!(!is_loopback(authority), "{authority}");
        }
    }
}
