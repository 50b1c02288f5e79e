use super::*;

fn replace(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    Staged::write(path, content, access)?.commit(&Disk::SYSTEM, None)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_file_is_complete_and_private() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    create_new(&path, b"secret", Access::Owner).unwrap();
    let content = read_checked(&path, Access::Owner).unwrap();
    assert_eq!(*content.bytes, b"secret");
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
fn a_file_that_is_written_in_pieces_is_there_once_it_is_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let mut fresh = Fresh::begin(&path).unwrap();
    fresh.add(b"first").unwrap();
    assert!(!path.exists());
    drop(fresh);
    assert!(names(home.path()).is_empty(), "what is given up is gone");
    let [mut one, mut other] = [(); 2].map(|()| Fresh::begin(&path).unwrap());
    one.add(&[b'x'; 100_000]).unwrap();
    other.add(b"second").unwrap();
    one.finish().unwrap();
    let error = other.finish().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists));
    let content = read_checked(&path, Access::Owner).unwrap();
    assert_eq!(content.bytes.len(), 100_000);
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_being_written_has_no_name_that_a_kill_could_leave_behind() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let mut fresh = Fresh::begin(&path).unwrap();
    fresh.add(&[b'x'; 100_000]).unwrap();
    assert!(names(home.path()).is_empty());
    fresh.finish().unwrap();
    let content = read_checked(&path, Access::Owner).unwrap();
    assert_eq!(content.bytes.len(), 100_000);
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_to_replace_a_file_has_no_name_until_it_does() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let staged = Staged::write(&path, b"whole", Access::Owner).unwrap();
    assert!(names(home.path()).is_empty());
    staged.commit(&Disk::SYSTEM, None).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    replace_plain(&path, b"plain", Access::Owner).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"plain");
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
fn where_there_are_no_files_without_a_name_one_lies_beside_its_place() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let (beside, file) = Temporary::open(&path, Access::Owner).unwrap();
    let beside = Some(Temporary { path: beside });
    let (destination, file) = (path.clone(), BufWriter::new(file));
    let mut fresh = Fresh {
        destination,
        beside,
        file,
    };
    fresh.add(b"whole").unwrap();
    fresh.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
fn without_hard_links_it_takes_the_place_of_an_empty_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let whole = || {
        let (path, mut file) = Temporary::open(&path, Access::Owner).unwrap();
        fill(&mut file, b"whole").unwrap();
        Temporary { path }
    };
    whole().replace_empty(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    let error = whole().replace_empty(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(home.path()), ["k"]);
}

#[cfg(unix)]
#[test]
fn a_directory_is_not_made_where_a_link_leads_to_nothing() {
    let home = tempfile::tempdir().unwrap();
    let link = home.path().join("link");
    os::testing::symlink(home.path().join("gone"), &link).unwrap();
    for path in ["link/k", "link/below/k"] {
        let error = create_parent(&home.path().join(path)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LinkToNothing), "{error}");
        assert_eq!(error.path(), Some(link.as_path()));
    }
    create_parent(&home.path().join("below/k")).unwrap();
}

/// A store was made there, and taken away again at every start.
#[test]
fn a_directory_that_cannot_be_read_needs_no_sync_and_each_other_failure_counts() {
    let failed = |kind: io::ErrorKind| unless_unreadable(Err(kind.into()));
    assert!(failed(io::ErrorKind::PermissionDenied).is_ok());
    assert!(failed(io::ErrorKind::StorageFull).is_err());
}

/// Root can read every directory.
#[cfg(unix)]
#[test]
fn a_file_in_a_directory_that_its_user_cannot_read_counts_as_synced() {
    let home = tempfile::tempdir().unwrap();
    os::testing::set_mode(home.path(), 0o300);
    let synced = sync_parent(&home.path().join("store"));
    os::testing::set_mode(home.path(), 0o700);
    synced.unwrap();
}

/// An identity that was synced was gone with its directory.
#[test]
fn each_directory_that_is_made_is_synced_in_the_one_it_lies_in() {
    let home = tempfile::tempdir().unwrap();
    let below = |name: &str| home.path().join(name);
    fs::create_dir(below("a")).unwrap();
    let mut synced = Vec::new();
    let mut make = |name: &str| {
        make_directory(&below(name), |it| {
            synced.push(it.to_owned());
            Ok(())
        })
    };
    make("a/b/c").unwrap();
    make("a/b/c").unwrap();
    make("a/b/d").unwrap();
    assert_eq!(synced, ["a", "a/b", "a/b"].map(below));
}

#[test]
fn a_directory_that_the_disk_does_not_confirm_is_not_left() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a/b");
    let fails = |_: &Path| Err(io::ErrorKind::StorageFull.into());
    let error = make_directory(&path, fails).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(names(home.path()).is_empty(), "and is synced another time");
}

/// It said that it could not be made, and was in the way of the next one.
#[test]
fn a_fresh_file_that_the_disk_does_not_confirm_is_not_left() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let disk = Disk {
        sync: |_, _| Err(io::ErrorKind::StorageFull.into()),
        ..Disk::SYSTEM
    };
    let mut fresh = Fresh::begin(&path).unwrap();
    fresh.add(b"whole").unwrap();
    let error = fresh.finish_on(&disk).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::DiskFull), "{error}");
    assert!(names(home.path()).is_empty());
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    create_new(&path, b"first", Access::Owner).unwrap();
    let error = create_new(&path, b"second", Access::Owner).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists));
    assert!(create_in_place(&path, b"third", Access::Owner).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
fn replacing_leaves_the_new_content_only() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    replace(&path, b"first", Access::Owner).unwrap();
    replace(&path, b"second", Access::Owner).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    fs::create_dir(&path).unwrap();
    // A directory cannot be replaced by a file: the last step fails.
    assert!(replace(&path, b"x", Access::Owner).is_err());
    assert_eq!(names(home.path()), ["k"]);
    assert!(create_new(&home.path().join("none/k"), b"x", Access::Owner).is_err());
    assert_eq!(names(home.path()), ["k"]);
}

#[test]
fn what_a_crash_left_behind_does_not_stop_a_later_process_of_the_same_number() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    let first = Temporary::path_for(&path);
    let (head, number) = first.to_str().unwrap().rsplit_once('-').unwrap();
    let number: u32 = number.strip_suffix(".tmp").unwrap().parse().unwrap();
    for left in number..number + 200 {
        fs::write(format!("{head}-{left}.tmp"), b"half").unwrap();
    }
    replace(&path, b"whole", Access::Owner).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_apart() {
    // Every write to /dev/full says that the disk is full.
    let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = fill(&mut full, b"x").unwrap_err();
    assert!(matches!(ErrorKind::from(error), ErrorKind::DiskFull));
}

#[test]
fn every_old_generation_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("k");
    for content in ["1", "2", "3"] {
        replace(&path, content.as_bytes(), Access::Owner).unwrap();
        keep_old(&path, Access::Owner).unwrap();
    }
    assert_eq!(names(home.path()), ["k", "k.old", "k.old2", "k.old3"]);
    assert_eq!(fs::read(home.path().join("k.old")).unwrap(), b"1");
}

#[test]
fn an_endless_file_is_refused() {
    let error = read_bounded(io::repeat(0)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}
