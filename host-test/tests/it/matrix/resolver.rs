//! Resolves the name to the site, to its faulty listener, or to nothing.

use std::future::{pending, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use mv_clip_host::{Lookup, Resolve};

use super::cell::{Place, What};
use super::state::{Action, State};

/// The healthy server.
pub const HEALTHY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The listener whose connections fail, on the same port.
pub const FAULTY: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// Far more addresses than a real name has.
const MANY: usize = 10_000;

pub struct Resolver(pub Arc<State>);

impl Resolve for Resolver {
    fn resolve(&self, _: &str) -> Lookup {
        let cell = self.0.cell;
        let action = match cell.place {
            Place::Lookup | Place::Connect => self.0.arrive(),
            _ => Action::Healthy,
        };
        match (action, cell.place) {
            (Action::Faulty, Place::Lookup) => lookup(cell.what),
            (Action::Faulty, _) => Box::pin(ready(Ok(vec![FAULTY]))),
            (Action::Busy | Action::Healthy, _) => Box::pin(ready(Ok(vec![HEALTHY]))),
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
        What::Drip | What::Truncation | What::WrongLength => panic!("a lookup has no such fault"),
    };
    Box::pin(ready(answer))
}
