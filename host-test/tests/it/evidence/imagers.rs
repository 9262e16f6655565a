//! Imagers in the arguments of the commands for evidence folders.

use chrono::{DateTime, TimeDelta, Utc};

use super::command::{ago, run, text, words};
use super::{folder, manifest};
use crate::support::{SERIAL, World};

#[tokio::test]
async fn imagers_of_a_camera_are_named_after_a_point() {
    let window = TimeDelta::seconds(20);
    let at = Utc::now() - TimeDelta::minutes(20);
    for command in ["incident", "coverage"] {
        let (world, folder) = (World::new().await, folder());
        let (out, at) = (folder.path().to_str().unwrap(), text(at));
        let length: &[_] = match command {
            "incident" => &["--pre", "10", "--post", "10"],
            _ => &["--duration", "20"],
        };
        let cameras = [
            SERIAL,
            "Q2MV-MOCK-0004.2",
            "q2mv-mock-0004.2",
            "Q2MV-MOCK-0004.4",
        ];
        let arguments = [
            &[command],
            &cameras[..],
            &["--at", &at, "--out", out],
            length,
        ]
        .concat();
        let output = run(&world, &arguments).await;
        assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
        let manifest = manifest(&folder).await;
        let found = manifest.files.iter().map(|file| {
            let (start, end): (DateTime<Utc>, DateTime<Utc>) =
                (file.footage.start().into(), file.footage.end().into());
            assert_eq!(end - start, window);
            assert_eq!(text(start + window / 2), at);
            (&*file.footage.serial, file.footage.imager_id)
        });
        let expected = [
            (SERIAL, None),
            ("Q2MV-MOCK-0004", Some(2)),
            ("Q2MV-MOCK-0004", Some(4)),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected, "{command}");
    }
}

#[tokio::test]
async fn an_imager_that_is_missing_or_does_not_exist_is_named_as_the_cause() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let cameras = [
        "Q2MV-MOCK-0004",
        "Q2MV-MOCK-0004.5",
        "Q2MV-MOCK-0001.1",
        "Q2MV-MOCK-0000",
    ];
    let arguments = [&["incident"], &cameras[..], &["--at", &at, "--out", out]].concat();
    let output = run(&world, &arguments).await;
    assert_eq!(output.status.code(), Some(1));
    for missing in manifest(&folder).await.failures {
        let offline = missing.footage.serial == "Q2MV-MOCK-0000";
        let says = |words: &str| missing.message.contains(words);
        assert_eq!(
            says("refused the imager (400)"),
            !offline,
            "{}",
            missing.message
        );
        assert_eq!(
            says("The camera was offline"),
            offline,
            "{}",
            missing.message
        );
    }
    let output = run(
        &world,
        &["incident", "Q2MV-MOCK-0004.0", "--at", &at, "--out", out],
    )
    .await;
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output.stderr).contains("Q2XX-ABCD-1234.2"));
}
