use super::*;

/// Returns a kernel image with these sections, each at a multiple of 512.
fn image(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    let put = |file: &mut Vec<u8>, at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(&mut file, 0x3c, &[0x40]);
    put(&mut file, 0x40, b"PE\0\0");
    put(&mut file, 0x46, &[u8::try_from(sections.len()).unwrap()]);
    for (index, (name, content)) in sections.iter().enumerate() {
        let (entry, start) = (0x58 + index * 40, file.len());
        put(&mut file, entry, name.as_bytes());
        put(&mut file, entry + 8, &u32::try_from(content.len()).unwrap().to_le_bytes());
        put(&mut file, entry + 20, &u32::try_from(start).unwrap().to_le_bytes());
        file.extend(content);
        file.resize(file.len().next_multiple_of(512), 0);
    }
    file
}

fn length(ranges: &[Range<u32>]) -> u32 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

#[test]
fn sections_that_stay_are_copied_wherever_they_moved() {
    let old = image(&[(".cmdline", vec![1; 10]), (".linux", vec![2; 5000])]);
    let new = image(&[(".cmdline", vec![3; 600]), (".linux", vec![2; 5000])]);
    let recipe = recipe(&old, &new).unwrap();
    assert!(recipe.copied.contains(&Copied { new: 0x800, old: 0x600, count: 5000 }), "{recipe:?}");
    let [job] = recipe.jobs.as_slice() else { panic!("{:?}", recipe.jobs) };
    // The heads say where sections are; the gap behind the command line is smaller.
    assert_eq!(job.new, [0..0x400, 0x400..0x658, 0x658..0x800]);
    assert_eq!(job.old, [0..0x400, 0x400..0x40a, 0x40a..0x600]);
}

#[test]
fn a_large_section_is_cut_and_each_part_has_what_lay_there() {
    let linux: Vec<u8> = (0..5 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    let old = image(&[(".linux", linux.clone())]);
    let new = image(&[(".linux", [vec![9; 7], linux].concat())]);
    let recipe = recipe(&old, &new).unwrap();
    assert!(recipe.jobs.len() >= 3);
    for job in &recipe.jobs {
        assert!(length(&job.new) <= NEW && length(&job.old) <= OLD, "{job:?}");
    }
    let last = recipe.jobs.last().unwrap();
    assert!(last.old.iter().any(|range| range.contains(&(0x400 + (5 << 20) - 1))), "{last:?}");
}

#[test]
fn every_byte_has_one_source() {
    let old = image(&[(".osrel", vec![1; 100]), (".linux", vec![2; 3 << 20]), (".profile", vec![1; 3])]);
    let new = image(&[
        (".osrel", vec![1; 100]),
        (".linux", vec![4; 3 << 20]),
        (".profile", vec![1; 3]),
        (".profile", vec![5; 3]),
        (".empty", vec![]),
        (".new", vec![7; 70]),
    ]);
    let recipe = recipe(&old, &new).unwrap();
    let copied = recipe.copied.iter().map(|copied| copied.new..copied.new + copied.count);
    let mut all: Vec<_> = copied.chain(recipe.jobs.iter().flat_map(|job| job.new.clone())).collect();
    all.sort_by_key(|range| range.start);
    let mut at = 0;
    for range in all {
        assert_eq!(range.start, at);
        at = range.end;
    }
    assert_eq!(usize::try_from(at).unwrap(), new.len());
}

#[test]
fn what_is_not_a_kernel_image_has_no_recipe() {
    let good = image(&[(".linux", vec![2; 100])]);
    assert_eq!(recipe(b"#!/bin/sh", &good).unwrap_err(), "the old kernel image has no sections");
    assert_eq!(recipe(&good, &good[..0x410]).unwrap_err(), "the new kernel image has no sections");
}
