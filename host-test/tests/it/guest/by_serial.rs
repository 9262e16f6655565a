//! A guest that misbehaves as the serial number of a call says.

use super::of_fields;

/// A component of the world `clip-plugin`. The first letter of the serial selects what its `get-clip` does:
///
/// - `s`pin forever (`request-clip` too), `w`ait forever, `t`rap, recurse `e`ndlessly
/// - `g`row its memory until that fails, and continue; `d`evour memory in the same way, and trap
/// - grow its ta`b`le until that fails, and trap
/// - create `l`ists of fields endlessly; `o`pen requests endlessly, to the authority in `start`; open them after the
///   f`i`rst response; or `j`oin lists to two requests
/// - append fields to one list endlessly: `h`
/// - pass 8 MiB of me`m`ory to the host in one call, or return a `v`ast string
/// - set a method `n`ame, or an a`u`thority, of one byte more than 16 KiB
/// - `f`ill requests to their maximum size, endlessly
/// - request 1 MiB of random bytes: `c`hance
/// - quote the text in `start`: `=`
/// - `r`equest that authority, with `end` as `Authorization`; `k`: with its first setting as a bearer token. It returns
///   `Y` after a response, or [`failed`] with an error code.
///
/// - `x`: that request with a method and a body of its own. The second letter is the number of the method in `wasi:http`
///   (0 GET, 1 HEAD, 3 PUT, 4 DELETE, 5 CONNECT, 6 OPTIONS, 7 TRACE), the third says what goes with it: `n`othing, a
///   `b`ody, which is `end`, a body that is `u`nfinished, or `end` as the `l`ength of a body that is not there. It
///   returns as `r` does
/// - `y`: as many requests as `end` has bytes, whose replies it does not read; then wait forever
/// - `z`: drop one request after another, endlessly
/// - `p`ut bodies that never end, endlessly, and drop the replies
/// - 1: set timers endlessly; 2: request with a header field of the name in `end`
///
/// Otherwise, and if it continues, it returns `u`.
pub fn by_serial() -> Vec<u8> {
    component("")
}

/// A component that spins forever during instantiation.
pub fn never_starts() -> Vec<u8> {
    component("(start $spin)")
}

/// A component with more parts than the host allows.
pub fn too_many(what: &str) -> Vec<u8> {
    component(&what.repeat(3))
}

/// A component with this initial size of memory and table.
pub fn of_size(pages: u32, elements: u32) -> Vec<u8> {
    with("", pages, elements)
}

/// What a guest returns for an error code of `wasi:http`, by its index.
pub fn failed(code: u8) -> String {
    char::from(b'a' + code).to_string()
}

/// The index of `HTTP-request-denied` in `wasi:http`.
pub const DENIED: u8 = 15;

/// The index of `connection-timeout`.
pub const TIMED_OUT: u8 = 8;

fn component(start: &str) -> Vec<u8> {
    with(start, 1, 1)
}

fn with(start: &str, pages: u32, elements: u32) -> Vec<u8> {
    let text = format!(
        include_str!("by_serial.wat"),
        start = start,
        pages = pages,
        elements = elements,
        spin = b's',
        trap = b't',
        grow = b'g',
        wait = b'w',
        recurse = b'e',
        devour = b'd',
        table = b'b',
        lists = b'l',
        open = b'o',
        first = b'i',
        joined = b'j',
        method = b'n',
        authority = b'u',
        fill = b'f',
        chance = b'c',
        vast = b'v',
        quoted = b'=',
        slash = b'/',
        headers = b'h',
        memory = b'm',
        request = b'r',
        setting = b'k',
        shaped = b'x',
        with_body = b'b',
        unfinished = b'u',
        announced = b'l',
        zero = b'0',
        hold = b'y',
        churn = b'z',
        puts = b'p',
        timers = b'1',
        field = b'2',
        yes = b'Y',
        a = b'a',
    );
    of_fields(&text)
}
