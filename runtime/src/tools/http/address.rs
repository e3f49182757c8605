//! Which addresses are public, and ranges of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: IpAddr,
    bits: u8,
}

impl Range {
    /// Reads `10.0.0.0/8`, `10.0.0.1`, `fd00::/8`, `[::1]`.
    pub(super) fn parse(text: &str) -> Option<Range> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let first: IpAddr = address.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Range { first, bits })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.first, embedded(address)) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                same(first.to_bits().into(), address.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => same(first.to_bits(), address.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn same(a: u128, b: u128, width: u32, bits: u8) -> bool {
    let rest = width.saturating_sub(bits.into());
    a.checked_shr(rest).unwrap_or_default() == b.checked_shr(rest).unwrap_or_default()
}

/// The IPv4 address inside an IPv6 address that only wraps one (mapped, NAT64, 6to4), else the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let low = |bits: u128| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap_or_default()));
    let bits = v6.to_bits();
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => low(bits),
        [0x2002, ..] => low(bits >> 80),
        _ => address,
    }
}

/// Whether anyone on the internet may be meant: no private, loopback, link-local, shared, reserved or multicast
/// address, and none of the places where clouds keep their credentials.
pub(super) fn is_public(address: IpAddr) -> bool {
    match embedded(address) {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let shut = match address.octets() {
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] | [224..=255, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Azure's own channel to its machines.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !shut
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    // Teredo, ORCHID and other special blocks; documentation.
    let special = first == 0x2001 && (second < 0x0200 || second == 0x0db8);
    global && !special && !(first == 0x3fff && second < 0x1000)
}

/// Link-local addresses, where clouds keep their metadata: a name never leads there, only the address itself does.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match embedded(address) {
        IpAddr::V4(address) => address.is_link_local() || address.octets() == [168, 63, 129, 16],
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for text in
            ["1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "192.168.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn ranges() {
        let inside = |range: &str, address: &str| Range::parse(range).unwrap().contains(address.parse().unwrap());
        assert!(inside("10.0.0.0/8", "10.255.0.1") && !inside("10.0.0.0/8", "11.0.0.1"));
        assert!(
            inside("10.0.0.5", "10.0.0.5") && inside("10.0.0.5", "::ffff:10.0.0.5") && !inside("10.0.0.5", "10.0.0.6")
        );
        assert!(inside("0.0.0.0/0", "1.2.3.4") && inside("[::1]", "::1") && inside("fd00::/8", "fd12::1"));
        assert!(!inside("::/0", "1.2.3.4"));
        for text in ["10.0.0.0/33", "10.0.0/8", "localhost", "::1/129", "1.2.3.4/x"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
