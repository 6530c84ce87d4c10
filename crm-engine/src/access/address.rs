//! Ranges of IP addresses (C60): `42.140.10.143-42.140.10.144, 10.0.0.0/8, 2001:db8::/32`.

use std::net::IpAddr;

use crate::error::{Code, Error, Result};
use crate::limits::ADDRESS_RANGES_MAX;
use crate::value::shorten;

/// Ranges of addresses, both ends belonging to them. An IPv6 address that stands for an IPv4
/// address is that address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(IpAddr, IpAddr)>);

impl Ranges {
    /// Ranges between commas or line ends: an address, two with a `-` between, or an address and
    /// the length of its network. Empty text is no range.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] with the line and column of the range that cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Ranges> {
        let mut ranges = Vec::new();
        for (line, content) in text.lines().enumerate() {
            let mut column = 1;
            for part in content.split(',') {
                let blank = part.chars().take_while(|c| c.is_whitespace()).count();
                let item = part.trim();
                if !item.is_empty() {
                    let range = range(item)
                        .ok_or_else(|| malformed(item, line as u64 + 1, (column + blank) as u64))?;
                    ranges.push(range);
                }
                column += part.chars().count() + 1;
            }
        }
        if ranges.len() > ADDRESS_RANGES_MAX {
            let text = format!("more than {ADDRESS_RANGES_MAX} ranges of addresses");
            return Err(Error::new(Code::InvalidValue, text).field("value"));
        }
        Ok(Ranges(ranges))
    }

    /// Whether an address lies in one of the ranges.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(first, last)| {
            first.is_ipv4() == address.is_ipv4() && *first <= address && address <= *last
        })
    }
}

fn range(item: &str) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = if let Some((address, length)) = item.split_once('/') {
        network(address.trim().parse().ok()?, length.trim().parse().ok()?)?
    } else if let Some((first, last)) = item.split_once('-') {
        (first.trim().parse().ok()?, last.trim().parse().ok()?)
    } else {
        let address = item.parse().ok()?;
        (address, address)
    };
    let (first, last) = (IpAddr::to_canonical(&first), IpAddr::to_canonical(&last));
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}

/// The first and the last address of a network.
fn network(address: IpAddr, length: u32) -> Option<(IpAddr, IpAddr)> {
    match address {
        IpAddr::V4(address) => {
            let free = 32_u32.checked_sub(length)?;
            let mask = u32::MAX.checked_shr(length).unwrap_or(0);
            debug_assert_eq!(free, mask.count_ones());
            let bits = u32::from(address);
            Some((
                IpAddr::V4((bits & !mask).into()),
                IpAddr::V4((bits | mask).into()),
            ))
        }
        IpAddr::V6(address) => {
            let free = 128_u32.checked_sub(length)?;
            let mask = u128::MAX.checked_shr(length).unwrap_or(0);
            debug_assert_eq!(free, mask.count_ones());
            let bits = u128::from(address);
            Some((
                IpAddr::V6((bits & !mask).into()),
                IpAddr::V6((bits | mask).into()),
            ))
        }
    }
}

fn malformed(item: &str, line: u64, column: u64) -> Error {
    let text = format!("`{}` is no range of addresses", shorten(item));
    Error::new(Code::InvalidValue, text)
        .field("value")
        .at(line, column)
}
