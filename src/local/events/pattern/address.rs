//! Addresses of the `cidr` operator.

use std::net::IpAddr;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    mask_bits: u32,
}

impl Network {
    /// Reads `address/bits`.
    ///
    /// # Errors
    /// Event Ruler's reason; it takes no network of one address.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').filter(|(_, bits)| !bits.contains('/')).ok_or("Malformed CIDR, one '/' required")?;
        let bits: i64 = bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer")?;
        let mask_bits = u32::try_from(bits).map_err(|_| "Malformed CIDR, mask bits must not be negative")?;
        let address: IpAddr = address.parse().map_err(|_| format!("Nonstandard IP address: {address}"))?;
        match address {
            IpAddr::V4(_) if mask_bits > 31 => Err("IPv4 mask bits must be < 32".into()),
            IpAddr::V6(_) if mask_bits > 127 => Err("IPv6 mask bits must be < 128".into()),
            _ => Ok(Self { address, mask_bits }),
        }
    }

    pub(super) fn has(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                self.mask_bits == 0 || (ours.to_bits() ^ theirs.to_bits()) >> (32 - self.mask_bits) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                self.mask_bits == 0 || (ours.to_bits() ^ theirs.to_bits()) >> (128 - self.mask_bits) == 0
            }
            _ => false,
        }
    }
}
