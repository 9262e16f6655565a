use std::process;

use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    (temporary, folder)
}

fn taken<E: std::fmt::Debug>(attempt: Result<Attempt, E>) -> Lock {
    match attempt.unwrap() {
        Attempt::Taken(lock) => lock,
        Attempt::Busy(who) => panic!("{who} has it"),
        Attempt::Replaced => panic!("the log was replaced"),
    }
}

fn busy<E: std::fmt::Debug>(attempt: Result<Attempt, E>) -> String {
    match attempt.unwrap() {
        Attempt::Busy(who) => who,
        Attempt::Taken(_) | Attempt::Replaced => panic!("two have it"),
    }
}

#[test]
fn a_lock_keeps_others_away_until_the_log_is_closed() {
    let (_temporary, folder) = folder();
    let [first, second] = [(), ()].map(|()| folder.append(LOG).unwrap());
    let lock = taken(Lock::attempt(&folder, &first));
    assert_eq!(busy(Lock::attempt(&folder, &second)), "another run");
    lock.release(&folder);
    drop(first);
    taken(Lock::attempt(&folder, &second));
    assert_eq!(folder.names().unwrap(), [LOG]);
}

#[test]
fn without_locks_a_file_keeps_others_away() {
    let (_temporary, folder) = folder();
    let lock = taken(Lock::attempt_without_locks(&folder));
    let who = busy(Lock::attempt_without_locks(&folder));
    assert!(
        who.starts_with(&format!("process {} on ", process::id())),
        "{who}"
    );
    assert!(lock.is_in_owner_file(&folder));
    lock.release(&folder);
    assert!(folder.names().unwrap().is_empty());
    assert!(!lock.is_in_owner_file(&folder));
    taken(Lock::attempt_without_locks(&folder));
}

#[cfg(unix)]
#[test]
fn the_lock_of_a_log_that_was_replaced_is_worth_nothing() {
    let (_temporary, folder) = folder();
    let log = folder.append(LOG).unwrap();
    let lock = taken(Lock::attempt(&folder, &log));
    assert!(lock.is_held(&folder, &log));
    folder.remove(LOG).unwrap();
    let other = folder.append(LOG).unwrap();
    assert!(!lock.is_held(&folder, &log));
    let attempt = Lock::attempt(&folder, &log);
    assert!(matches!(attempt, Ok(Attempt::Replaced)));
    taken(Lock::attempt(&folder, &other));
}

#[test]
fn an_owner_file_is_respected_where_there_are_locks() {
    let (_temporary, folder) = folder();
    let [first, second] = [(), ()].map(|()| folder.append(LOG).unwrap());
    let lock = taken(Lock::attempt_without_locks(&folder));
    assert!(busy(Lock::attempt(&folder, &first)).contains("remove this file"));
    lock.release(&folder);
    // The first one keeps no lock while it waits.
    taken(Lock::attempt(&folder, &second));
}

#[test]
fn only_the_owner_file_that_was_looked_at_is_removed() {
    let (temporary, folder) = folder();
    let path = temporary.path().join(OWNER);
    std::fs::write(&path, "of another run").unwrap();
    remove_if(&folder, |found| found == b"of a run that is gone").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"of another run");
    let lock = Lock {
        owner: Some("mine".to_owned()),
    };
    for other in ["", "min", "of another run"] {
        std::fs::write(&path, other).unwrap();
        lock.release(&folder);
        assert_eq!(folder.names().unwrap(), [OWNER]);
    }
    std::fs::write(&path, "mine").unwrap();
    lock.release(&folder);
    assert!(folder.names().unwrap().is_empty());
}

#[test]
fn only_a_file_system_without_locks_gets_an_owner_file() {
    assert!(has_no_locks(&ErrorKind::Unsupported.into()));
    for other in [ErrorKind::Interrupted, ErrorKind::PermissionDenied] {
        assert!(!has_no_locks(&other.into()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_file_of_a_process_that_is_gone_is_taken_over() {
    let gone = Owner {
        // The highest number that a process can have on Linux is far lower.
        process: 0x7fff_fff0,
        ..Owner::me()
    };
    let restarted = Owner::me();
    for owner in [gone, restarted] {
        let (temporary, folder) = folder();
        std::fs::write(temporary.path().join(OWNER), owner.to_string()).unwrap();
        taken(Lock::attempt_without_locks(&folder));
    }
}

#[test]
fn the_file_of_an_unknown_process_is_respected() {
    let elsewhere = Owner {
        host: "elsewhere".to_owned(),
        ..Owner::me()
    };
    let gone = || Owner {
        process: 0x7fff_fff0,
        ..Owner::me()
    };
    let restarted = Owner {
        boot: "another".to_owned(),
        ..gone()
    };
    let container = Owner {
        namespace: "1".to_owned(),
        ..gone()
    };
    let named = [elsewhere, restarted, container].map(|owner| owner.to_string());
    let unnamed = [String::new(), "1 2 3 4".to_owned()];
    for text in named.into_iter().chain(unnamed) {
        let (temporary, folder) = folder();
        std::fs::write(temporary.path().join(OWNER), text).unwrap();
        let who = busy(Lock::attempt_without_locks(&folder));
        assert!(who.contains("remove this file"), "{who}");
    }
}
