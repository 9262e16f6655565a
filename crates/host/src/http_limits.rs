//! Limits the method and the authority of a guest's requests.
//!
//! wasmtime does not limit them, so this replaces two functions of `wasi:http`. The other parts of a request have
//! limits: [`Limits::header_bytes`](crate::Limits::header_bytes) for its header fields, and those of the crate
//! `http` for scheme and path.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest, Method, OutgoingRequest};
use wasmtime_wasi_http::{FieldMapError, WasiHttpView};

use crate::store::State;

type Request = Resource<OutgoingRequest>;
type Done = Result<(Result<(), ()>,)>;

/// Replaces the two functions in a linker that has all of `wasi:http`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap("[method]outgoing-request.set-method", set_method)?;
    types.func_wrap("[method]outgoing-request.set-authority", set_authority)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn set_method(mut store: StoreContextMut<'_, State>, (request, method): (Request, Method)) -> Done {
    if let Method::Other(name) = &method {
        check(store.data(), name)?;
    }
    Ok((store.data_mut().http().set_method(request, method)?,))
}

fn set_authority(
    mut store: StoreContextMut<'_, State>,
    (request, authority): (Request, Option<String>),
) -> Done {
    if let Some(authority) = &authority {
        check(store.data(), authority)?;
    }
    Ok((store.data_mut().http().set_authority(request, authority)?,))
}

/// The limit is that of header fields, and so is the error.
fn check(state: &State, text: &str) -> Result<()> {
    match text.len() > state.meter.limits().header_bytes {
        true => Err(FieldMapError::TotalSizeTooBig.into()),
        false => Ok(()),
    }
}
