//! Sizes: the guest's memory, the host's memory for a guest, and the component itself.

use mv_clip_host::{CallError, Limit, Limits, LoadError, Policy, Settings};

use super::{LONG, call, host, hostile, limit, watched};
use crate::support::{in_own_process, try_load};
use crate::{HEAP, guest};

#[tokio::test]
async fn memory_does_not_grow_past_the_limit() {
    let limits = Limits::default().memory(1 << 20);
    let host = host(&guest::by_serial(), limits);
    let mut instance = host.instance(&Settings::default()).await.unwrap();
    let page = 1 << 16;
    assert_eq!(instance.peak_memory(), page);
    instance.get_clip("grow", "", "").await.unwrap();
    assert_eq!(instance.peak_memory(), 1 << 20);
}

/// The bound in docs/SECURITY.md, for requests that are not sent.
#[test]
fn host_memory_per_guest_is_bounded() {
    let name = "limits::size::host_memory_per_guest_is_bounded";
    watched(2, async {
        // Allocations of other tests would count too.
        if !in_own_process(name, LONG).await {
            return;
        }
        let resources = 512;
        let limits = Limits::default().resources(resources);
        let each = 9 * limits.header_bytes + (192 << 10);
        let most = resources * each;
        let host = host(&guest::by_serial(), limits);
        assert_eq!(call(&host, "quiet").await.unwrap(), "u");
        let before = HEAP.allocated();
        // Until it is dropped, the instance holds the guest's resources.
        let mut instance = host.instance(&Settings::default()).await.unwrap();
        let error = instance.get_clip("fill", "", "").await.unwrap_err();
        let held = HEAP.allocated() - before;
        assert_eq!(limit(error).0, Limit::Resources(resources));
        eprintln!("{resources} full requests: {held} bytes, of {most}");
        assert!(held < most, "{held}");
        drop(instance);
    });
}

#[test]
fn one_call_for_random_bytes_is_limited() {
    watched(2, async {
        let host = host(&guest::by_serial(), Limits::default());
        let error = hostile(&host, "chance", "").await;
        assert!(matches!(error, CallError::Trap(_)), "{error:?}");
        let words = error.to_string();
        assert!(words.contains("1048576 exceeds limit 4096"), "{words}");
    });
}

#[test]
fn a_component_with_too_many_or_too_large_parts_is_not_loaded() {
    let refused = |component: &[u8], limits| {
        let loaded = try_load(component, Policy::default(), limits);
        match loaded {
            Err(LoadError::Component(error)) => format!("{error:#}"),
            other => panic!("{other:?}"),
        }
    };
    for (component, words) in [
        (guest::too_many("(table 1 funcref)"), "tables"),
        (guest::too_many("(memory 1)"), "memories"),
        (
            guest::of_size(257, 1),
            "16777216 bytes of memory (Limits::memory)",
        ),
        (guest::of_size(1, 4_097), "limit of 4096"),
    ] {
        let message = refused(&component, Limits::default());
        eprintln!("{message}");
        assert!(message.contains(words), "{message}");
    }
    let limits = Limits::default().core_instances(2);
    let message = refused(&guest::by_serial(), limits);
    assert!(message.contains("core module instances"), "{message}");
}
