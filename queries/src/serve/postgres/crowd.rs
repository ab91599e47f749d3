//! Connections by where they come from, so that one host that opens them and says nothing leaves room for others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections that are open, by address; of IPv6 by network, of which a host has as many addresses as it likes.
#[derive(Debug)]
pub(super) struct Crowd {
    each: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place among those of its address.
#[derive(Debug)]
pub(super) struct Guest {
    crowd: Arc<Crowd>,
    from: IpAddr,
}

impl Crowd {
    /// Half of all places for each address.
    pub(super) fn new(places: usize) -> Self {
        Self { each: places.div_ceil(2), open: Mutex::default() }
    }

    /// A place for one more, if there is one.
    pub(super) fn join(self: &Arc<Self>, from: IpAddr) -> Option<Guest> {
        let from = network(from);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(from).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Guest { crowd: Arc::clone(self), from })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.from);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_half_of_the_places() {
        let crowd = Arc::new(Crowd::new(4));
        let from = |text: &str| text.parse::<IpAddr>().expect("an address");
        let first = crowd.join(from("2001:db8::1")).expect("a place");
        let second = crowd.join(from("2001:db8::2")).expect("a place");
        assert!(crowd.join(from("2001:db8::3")).is_none());
        let other = crowd.join(from("2001:db8:0:1::1"));
        assert!(other.is_some() && crowd.join(from("::ffff:10.0.0.1")).is_some());
        drop((first, second));
        assert!(crowd.join(from("2001:db8::3")).is_some());
        drop(other);
        assert!(crowd.open.lock().expect("whole").is_empty());
    }
}
