;; The fields of the guest. What is in braces comes from `by_serial.rs`.

(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method"
  (func $method (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
  (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
  (func $authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
  (func $path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $body (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $stream (param i32 i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write"
  (func $write-chunk (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-stream (param i32)))
(import "wasi:http/types@0.2.12" "[static]outgoing-body.finish"
  (func $finish (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
  (func $subscribe (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]future-incoming-response"
  (func $drop-future (param i32)))
(import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop-pollable (param i32)))
(import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))

(memory (export "memory") {pages})
(table $table {elements} funcref)
(global $free (mut i32) (i32.const 4096))
;; Where the result lies: the case `ok`, and a string of one byte.
(data (i32.const 16) "\00\00\00\00\20\00\00\00\01\00\00\00")
(data (i32.const 32) "u")

(func $spin (loop $again (br $again)))
(func $recurse (result i32) (i32.add (call $recurse) (call $recurse)))
(func $grow-table
  (loop $again
    (br_if $again (i32.ne (table.grow $table (ref.null func) (i32.const 64)) (i32.const -1)))))

(data (i32.const 64) "authorization")
(data (i32.const 96) "Bearer ")
(data (i32.const 104) "/")
(data (i32.const 112) "content-length")

;; A request on its way.
(func $send (param $fields i32) (param $at i32) (param $length i32) (result i32)
  (local $request i32)
  (local.set $request (call $request (local.get $fields)))
  ;; `some(HTTP)`
  (drop (call $scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
  (drop (call $authority (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
  (drop (call $path (local.get $request) (i32.const 1) (i32.const 104) (i32.const 1)))
  (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then (unreachable)))
  (i32.load (i32.const 136)))

;; Leaves what became of it as the answer.
(func $ask (param $at i32) (param $length i32) (param $value i32) (param $value-length i32)
  (local $fields i32)
  (local.set $fields (call $fields))
  (if (local.get $value-length) (then
    (call $append (local.get $fields) (i32.const 64) (i32.const 13)
      (local.get $value) (local.get $value-length) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (unreachable)))))
  (call $settle (call $send (local.get $fields) (local.get $at) (local.get $length))))

;; Waits for the response, and leaves what became of it as the answer.
(func $settle (param $future i32)
  (call $wait (local.get $future))
  (call $get (local.get $future) (i32.const 256))
  (i32.store8 (i32.const 32) (i32.const {yes}))
  (if (i32.load8_u (i32.const 272)) (then
    (i32.store8 (i32.const 32) (i32.add (i32.const {a}) (i32.load8_u (i32.const 280)))))))

(func $wait (param $future i32) (local $pollable i32)
  (local.set $pollable (call $subscribe (local.get $future)))
  (call $block (local.get $pollable))
  (call $drop-pollable (local.get $pollable)))

(func $with-body (param $mode i32) (result i32)
  (i32.or
    (i32.eq (local.get $mode) (i32.const {with_body}))
    (i32.eq (local.get $mode) (i32.const {unfinished}))))

;; A request on its way, with a method and a body.
(func $shape (param $number i32) (param $mode i32) (param $at i32) (param $length i32)
  (param $value i32) (param $value-length i32) (result i32)
  (local $fields i32) (local $request i32) (local $body i32) (local $stream i32)
  (local $future i32)
  (local.set $fields (call $fields))
  (if (i32.eq (local.get $mode) (i32.const {announced})) (then
    (call $append (local.get $fields) (i32.const 112) (i32.const 14)
      (local.get $value) (local.get $value-length) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (unreachable)))))
  (local.set $request (call $request (local.get $fields)))
  (drop (call $method (local.get $request) (local.get $number) (i32.const 0) (i32.const 0)))
  (drop (call $scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
  (drop (call $authority (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
  (drop (call $path (local.get $request) (i32.const 1) (i32.const 104) (i32.const 1)))
  (if (call $with-body (local.get $mode)) (then
    (call $body (local.get $request) (i32.const 128))
    (local.set $body (call $expect))))
  (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then (unreachable)))
  (local.set $future (i32.load (i32.const 136)))
  (if (call $with-body (local.get $mode)) (then
    (call $stream (local.get $body) (i32.const 128))
    (local.set $stream (call $expect))
    (if (local.get $value-length) (then
      (call $write-chunk (local.get $stream) (local.get $value) (local.get $value-length)
        (i32.const 128))))
    (call $drop-stream (local.get $stream))))
  (if (i32.eq (local.get $mode) (i32.const {with_body})) (then
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 128))))
  (local.get $future))

(func $hold (param $at i32) (param $length i32) (param $left i32)
  (loop $again
    (drop (call $send (call $fields) (local.get $at) (local.get $length)))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $block (call $after (i64.const -1))))

(func $churn (param $at i32) (param $length i32)
  (loop $again
    (call $drop-future (call $send (call $fields) (local.get $at) (local.get $length)))
    (br $again)))

(func $put-endlessly (param $at i32) (param $length i32) (local $future i32)
  (loop $again
    (local.set $future (call $shape (i32.const 3) (i32.const {unfinished})
      (local.get $at) (local.get $length) (i32.const 0) (i32.const 0)))
    (call $wait (local.get $future))
    (call $drop-future (local.get $future))
    (br $again)))

(func $set-timers (loop $again (drop (call $after (i64.const -1))) (br $again)))

(func $with-field (param $at i32) (param $length i32) (param $name i32) (param $name-length i32)
  (local $fields i32)
  (local.set $fields (call $fields))
  (call $append (local.get $fields) (local.get $name) (local.get $name-length)
    (i32.const 104) (i32.const 1) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then (unreachable)))
  (call $settle (call $send (local.get $fields) (local.get $at) (local.get $length))))

(func $open (param $at i32) (param $length i32)
  (loop $again
    (drop (call $send (call $fields) (local.get $at) (local.get $length)))
    (br $again)))

(func $make-lists (loop $again (drop (call $fields)) (br $again)))

;; At 0x10000 a path of 64 KiB, and in it words of any length.
(func $write
  (drop (memory.grow (i32.const 1)))
  (memory.fill (i32.const 0x10000) (i32.const {a}) (i32.const 0x10000))
  (i32.store8 (i32.const 0x10000) (i32.const {slash})))

;; `other`, of this length.
(func $name-method (param $request i32) (param $length i32)
  (if (call $method (local.get $request) (i32.const 9) (i32.const 0x10001) (local.get $length))
    (then (unreachable))))

(func $name-authority (param $request i32) (param $length i32)
  (if (call $authority (local.get $request) (i32.const 1) (i32.const 0x10001) (local.get $length))
    (then (unreachable))))

;; The result at 128, which has to be `ok`.
(func $expect (result i32)
  (if (i32.load8_u (i32.const 128)) (then (unreachable)))
  (i32.load (i32.const 132)))

(func $full-list (result i32) (local $list i32) (local $left i32)
  (local.set $list (call $fields))
  (local.set $left (i32.const 390))
  (loop $again
    (call $append (local.get $list) (i32.const 0x10001) (i32.const 1)
      (i32.const 0x10001) (i32.const 1) (i32.const 128))
    (drop (call $expect))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (local.get $list))

(func $write-chunks (param $body i32) (local $stream i32)
  (call $stream (local.get $body) (i32.const 128))
  (local.set $stream (call $expect))
  (call $write-chunk (local.get $stream) (i32.const 0x10000) (i32.const 0x10000) (i32.const 128))
  (drop (call $expect))
  (call $write-chunk (local.get $stream) (i32.const 0x10000) (i32.const 0x10000) (i32.const 128))
  (drop (call $expect))
  (call $drop-stream (local.get $stream)))

;; A request with as much as fits into it.
(func $fill (local $request i32) (local $body i32)
  (local.set $request (call $request (call $full-list)))
  (call $name-method (local.get $request) (i32.const 0x4000))
  (call $name-authority (local.get $request) (i32.const 0x4000))
  (if (call $path (local.get $request) (i32.const 1) (i32.const 0x10000) (i32.const 0xfffe))
    (then (unreachable)))
  (call $body (local.get $request) (i32.const 128))
  (local.set $body (call $expect))
  (call $write-chunks (local.get $body))
  (call $finish (local.get $body) (i32.const 1) (call $full-list) (i32.const 128))
  (drop (call $expect)))

(func $with-setting (param $at i32) (param $length i32)
  (local $list i32) (local $token i32)
  (call $environment (i32.const 128))
  (local.set $list (i32.load (i32.const 128)))
  (local.set $token (i32.load offset=12 (local.get $list)))
  ;; Its name lies somewhere else: there is room in front of a copy.
  (memory.copy (i32.const 2048) (i32.const 96) (i32.const 7))
  (memory.copy (i32.const 2055) (i32.load offset=8 (local.get $list)) (local.get $token))
  (call $ask (local.get $at) (local.get $length)
    (i32.const 2048) (i32.add (local.get $token) (i32.const 7))))

(func $grow (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
{start}

(func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
  (global.get $free)
  (global.set $free
    (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 7)) (i32.const -8))))

(func (export "meraki-mv:clips/clips@0.1.0#get-clip")
  (param $serial i32) (param i32) (param $at i32) (param $length i32)
  (param $value i32) (param $value-length i32) (result i32)
  (local $order i32) (local $list i32)
  (local.set $order (i32.load8_u (local.get $serial)))
  (if (i32.eq (local.get $order) (i32.const {spin})) (then (call $spin)))
  (if (i32.eq (local.get $order) (i32.const {trap})) (then (unreachable)))
  (if (i32.eq (local.get $order) (i32.const {grow})) (then (call $grow)))
  (if (i32.eq (local.get $order) (i32.const {wait})) (then (call $block (call $after (i64.const -1)))))
  (if (i32.eq (local.get $order) (i32.const {recurse})) (then (drop (call $recurse))))
  (if (i32.eq (local.get $order) (i32.const {devour})) (then (call $grow) (unreachable)))
  (if (i32.eq (local.get $order) (i32.const {table})) (then (call $grow-table) (unreachable)))
  (if (i32.eq (local.get $order) (i32.const {lists})) (then (call $make-lists)))
  (if (i32.eq (local.get $order) (i32.const {open})) (then
    (call $open (local.get $at) (local.get $length))))
  (if (i32.eq (local.get $order) (i32.const {first})) (then
    (call $block (call $subscribe (call $send (call $fields) (local.get $at) (local.get $length))))
    (call $open (local.get $at) (local.get $length))))
  (if (i32.eq (local.get $order) (i32.const {joined})) (then
    (drop (call $send (call $fields) (local.get $at) (local.get $length)))
    (drop (call $send (call $fields) (local.get $at) (local.get $length)))
    (call $make-lists)))
  (if (i32.eq (local.get $order) (i32.const {method})) (then
    (call $write)
    (call $name-method (call $request (call $fields)) (i32.const 0x4001))))
  (if (i32.eq (local.get $order) (i32.const {authority})) (then
    (call $write)
    (call $name-authority (call $request (call $fields)) (i32.const 0x4001))))
  (if (i32.eq (local.get $order) (i32.const {fill})) (then
    (call $write)
    (loop $again (call $fill) (br $again))))
  (if (i32.eq (local.get $order) (i32.const {chance})) (then
    (call $random (i64.const 0x100000) (i32.const 128))))
  (if (i32.eq (local.get $order) (i32.const {vast})) (then
    (drop (memory.grow (i32.const 128)))
    (i32.store (i32.const 20) (i32.const 0))
    (i32.store (i32.const 24) (i32.const 0x800000))))
  (if (i32.eq (local.get $order) (i32.const {quoted})) (then
    (i32.store (i32.const 20) (local.get $at))
    (i32.store (i32.const 24) (local.get $length))))
  (if (i32.eq (local.get $order) (i32.const {headers})) (then
    (local.set $list (call $fields))
    (loop $again
      (call $append (local.get $list) (i32.const 64) (i32.const 13)
        (i32.const 64) (i32.const 13) (i32.const 128))
      (br $again))))
  (if (i32.eq (local.get $order) (i32.const {memory})) (then
    (drop (memory.grow (i32.const 128)))
    (call $append (call $fields) (i32.const 64) (i32.const 13)
      (i32.const 0) (i32.const 0x800000) (i32.const 128))))
  (if (i32.eq (local.get $order) (i32.const {request})) (then
    (call $ask (local.get $at) (local.get $length) (local.get $value) (local.get $value-length))))
  (if (i32.eq (local.get $order) (i32.const {setting})) (then
    (call $with-setting (local.get $at) (local.get $length))))
  (if (i32.eq (local.get $order) (i32.const {shaped})) (then
    (call $settle (call $shape
      (i32.sub (i32.load8_u offset=1 (local.get $serial)) (i32.const {zero}))
      (i32.load8_u offset=2 (local.get $serial))
      (local.get $at) (local.get $length) (local.get $value) (local.get $value-length)))))
  (if (i32.eq (local.get $order) (i32.const {hold})) (then
    (call $hold (local.get $at) (local.get $length) (local.get $value-length))))
  (if (i32.eq (local.get $order) (i32.const {churn})) (then
    (call $churn (local.get $at) (local.get $length))))
  (if (i32.eq (local.get $order) (i32.const {puts})) (then
    (call $put-endlessly (local.get $at) (local.get $length))))
  (if (i32.eq (local.get $order) (i32.const {timers})) (then (call $set-timers)))
  (if (i32.eq (local.get $order) (i32.const {field})) (then
    (call $with-field (local.get $at) (local.get $length)
      (local.get $value) (local.get $value-length))))
  (i32.const 16))

(func (export "meraki-mv:clips/clips@0.1.0#request-clip")
  (param $serial i32) (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (if (i32.eq (i32.load8_u (local.get $serial)) (i32.const {spin})) (then (call $spin)))
  (unreachable))
