//! The files of a run, and a second run in the same folder.

use http::StatusCode;
use meraki_mock::{Authorization, CLIP, MockConfig, Scripted};
use mv_clip_footage::verify;

use super::{assert_complete, folder, manifest, name, names, save, window, window_of};
use crate::support::World;

#[tokio::test]
async fn clips_are_complete_and_listed() {
    let (world, folder) = (World::new().await, folder());
    let request = window();
    let collected = save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_eq!(
        (collected.fetched, collected.kept, collected.failures.len()),
        (1, 0, 0)
    );
    assert_complete(&folder, &request);
    assert_eq!(manifest(&folder).await, collected.manifest);
    let [file] = collected.manifest.files.as_slice() else {
        panic!("{:?}", collected.manifest)
    };
    assert_eq!(
        (&file.name, file.size),
        (&name(&request), CLIP.len() as u64)
    );
    // The output of sha256sum for the fixture.
    let sha256 = "2d29267c1c357a705e0e9f0adc46a9756c3d1e3e1c23577b1c02841c97e7af0e";
    assert_eq!(file.sha256, sha256);
    assert!(file.request_id.is_some(), "{file:?}");
    assert!(
        verify(folder.path(), None)
            .await
            .unwrap()
            .differences
            .is_empty()
    );
}

#[tokio::test]
async fn neither_key_nor_url_is_written_and_the_key_is_not_sent() {
    let (world, folder) = (World::new().await, folder());
    world
        .mock
        .script_media([Scripted::error(StatusCode::BAD_REQUEST, "no")]);
    let collected = save(&world, &folder, &[window(), window_of("Q2MV-MOCK-0001", 1)]).await;
    assert_eq!((collected.fetched, collected.failures.len()), (1, 1));
    let media = world.media_requests();
    assert_eq!(media.len(), 2);
    for request in media {
        assert_eq!(request.authorization, Authorization::Missing);
    }
    for name in ["log.jsonl", "manifest.json", "report.html"] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            !text.contains("/media/") && !text.contains(world.mock.key()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_second_run_downloads_nothing() {
    let (world, folder) = (World::new().await, folder());
    let requests = [window(), window_of("Q2MV-MOCK-0001", 1)];
    let first = save(&world, &folder, &requests).await;
    let second = save(&world, &folder, &requests).await;
    assert_eq!((second.fetched, second.kept), (0, 2));
    assert_eq!(second.manifest.files, first.manifest.files);
    assert_eq!(world.media_statuses(), [Some(200); 2]);
}

#[tokio::test]
async fn a_damaged_file_is_fetched_again() {
    let (world, folder) = (World::new().await, folder());
    let request = window();
    save(&world, &folder, std::slice::from_ref(&request)).await;
    std::fs::write(folder.path().join(name(&request)), &CLIP[..1_000]).unwrap();
    let second = save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_eq!((second.fetched, second.kept), (1, 0));
    assert_complete(&folder, &request);
}

#[tokio::test]
async fn what_is_there_is_not_asked_for_again() {
    let (world, folder) = (World::new().await, folder());
    let requests = [window(), window_of("Q2MV-MOCK-0001", 1)];
    save(&world, &folder, &requests[..1]).await;
    let asked = world.mock.requests().len();
    let second = save(&world, &folder, &requests).await;
    assert_eq!((second.fetched, second.kept), (1, 1));
    assert_eq!(
        world.mock.requests().len(),
        asked + 2,
        "one clip, one download"
    );
}

#[tokio::test]
async fn a_failure_is_listed_until_a_later_run_succeeds() {
    let (world, folder) = (World::new().await, folder());
    let requests = [window_of("Q2XX-NONE-0000", 0), window()];
    let first = save(&world, &folder, &requests).await;
    assert_eq!((first.fetched, first.failures.len()), (1, 1));
    let [missing] = first.manifest.failures.as_slice() else {
        panic!("{:?}", first.manifest)
    };
    assert_eq!((&*missing.kind, missing.status), ("not-found", Some(404)));
    assert!(!missing.transient && missing.request_id.is_some());

    let recovered = World::with(
        MockConfig::default().cameras(vec![meraki_mock::Camera::new("Q2XX-NONE-0000")]),
    );
    let second = save(&recovered.await, &folder, &requests[..1]).await;
    assert_eq!(
        (second.manifest.files.len(), second.manifest.failures.len()),
        (2, 0)
    );
    assert_eq!(
        names(folder.path())
            .iter()
            .filter(|name| name.ends_with(".ts"))
            .count(),
        2
    );
}

#[tokio::test]
async fn a_clip_requested_twice_is_saved_once() {
    let (world, folder) = (World::new().await, folder());
    let collected = save(&world, &folder, &[window(), window()]).await;
    assert_eq!((collected.fetched, collected.kept), (1, 0));
    assert_eq!(world.media_statuses(), [Some(200)]);
}
