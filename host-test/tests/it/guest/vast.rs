//! A component that is slow to compile.

/// A component that takes minutes to compile.
pub fn vast() -> Vec<u8> {
    // local.get 0, i32.const 3, i32.mul, local.get 0, call 0, i32.add, local.set 0
    let step = [0x20, 0, 0x41, 3, 0x6c, 0x20, 0, 0x10, 0, 0x6a, 0x21, 0];
    let locals: &[u8] = &[0];
    let body = [locals, &step.repeat(1_000), &[0x20, 0, 0x0b]].concat();
    let functions = 500;
    let types = [1, 0x60, 1, 0x7f, 1, 0x7f];
    let uses = [number(functions), vec![0; functions]].concat();
    let bodies = [number(functions), prefixed(&body).repeat(functions)].concat();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, section) in [(1, &types[..]), (3, &uses), (10, &bodies)] {
        module.push(id);
        module.extend(prefixed(section));
    }
    [b"\0asm\x0d\0\x01\0\x01", prefixed(&module).as_slice()].concat()
}

/// With its length before it.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&number(bytes.len()), bytes].concat()
}

/// In LEB128.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
