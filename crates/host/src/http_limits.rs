//! Limits the method and the authority of a guest's requests, and tells it that a reply's body is too large.
//!
//! wasmtime does not limit them, and does not pass on the error of a body. So this replaces three functions of
//! `wasi:http`. The other parts of a request have
//! limits: [`Limits::header_bytes`](crate::Limits::header_bytes) for its header fields, and those of the crate
//! `http` for scheme and path.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, Host as _, HostOutgoingRequest as _, IoError, Method, OutgoingRequest,
};
use wasmtime_wasi_http::{Error, FieldMapError, WasiHttpView};

use crate::store::State;

type Request = Resource<OutgoingRequest>;
type Done = Result<(Result<(), ()>,)>;

/// Replaces the three functions in a linker that has all of `wasi:http`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap("[method]outgoing-request.set-method", set_method)?;
    types.func_wrap("[method]outgoing-request.set-authority", set_authority)?;
    types.func_wrap("http-error-code", http_error_code)?;
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

fn http_error_code(
    mut store: StoreContextMut<'_, State>,
    (error,): (Resource<IoError>,),
) -> Result<(Option<ErrorCode>,)> {
    let mut http = store.data_mut().http();
    if let Some(Error::HttpResponseBodySize(most)) = http.table.get(&error)?.downcast_ref() {
        return Ok((Some(ErrorCode::HttpResponseBodySize(*most)),));
    }
    Ok((http.http_error_code(error)?,))
}

/// The limit is that of header fields, and so is the error.
fn check(state: &State, text: &str) -> Result<()> {
    match text.len() > state.meter.limits().header_bytes {
        true => Err(FieldMapError::TotalSizeTooBig.into()),
        false => Ok(()),
    }
}
