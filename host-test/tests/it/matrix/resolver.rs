//! Where the name leads: to the site, to its faulty listener, or nowhere.

use std::future::{pending, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use mv_clip_host::{Lookup, Resolve};

use super::cell::{Place, What};
use super::site::{State, Turn};

/// The healthy server.
pub const HEALTHY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The listener whose connections fail, on the same port.
pub const FAULTY: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// Far more addresses than any name has.
const MANY: usize = 10_000;

pub struct Resolver(pub Arc<State>);

impl Resolve for Resolver {
    fn resolve(&self, _: &str) -> Lookup {
        let cell = self.0.cell;
        let turn = match cell.place {
            Place::Lookup | Place::Connect => self.0.arrive(),
            _ => Turn::Healthy,
        };
        match (turn, cell.place) {
            (Turn::Faulty, Place::Lookup) => lookup(cell.what),
            (Turn::Faulty, _) => Box::pin(ready(Ok(vec![FAULTY]))),
            (Turn::Busy | Turn::Healthy, _) => Box::pin(ready(Ok(vec![HEALTHY]))),
        }
    }
}

fn lookup(what: What) -> Lookup {
    let answer = match what {
        What::Stall => return Box::pin(pending()),
        What::Refuse => Err(io::ErrorKind::NotFound.into()),
        What::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        What::Close => Ok(Vec::new()),
        What::Garbage => Ok(vec![PRIVATE]),
        What::Oversize => Ok([vec![PRIVATE; MANY], vec![HEALTHY]].concat()),
        What::Drip | What::Truncation | What::WrongLength => panic!("no look-up does this"),
    };
    Box::pin(ready(answer))
}
