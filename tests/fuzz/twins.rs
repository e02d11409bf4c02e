//! Subjects that break a property in one place each.

use aldis_core::limits::IMAGE_VERSION;
use aldis_core::{Decision, DirectiveSet, Outcome};

use crate::stream;
use crate::targets::guest::{Boundary, Buffer, Call, Native};
use crate::targets::{decode, evaluate, guest, image};

/// Inputs within which a twin must be found.
const ENOUGH: usize = 20_000;

/// A panic of the subject counts as well.
fn is_found(target: &str, what: &str, property: impl Fn(&[u8])) {
    let mut inputs = stream::inputs(target).take(ENOUGH);
    let found = inputs.any(|input| stream::failure(|| property(&input)).is_some());
    assert!(found, "{what}, and nobody notices");
}

#[test]
fn a_broken_decoder_is_found() {
    let twins: [(&str, decode::Subject); 4] = [
        (
            "a field is left out when the set is written down",
            decode::Subject {
                document: |set| decode::document(set).replace(r#","capture":true"#, ""),
                ..decode::CORE
            },
        ),
        (
            "the anchor moves an absolute end",
            decode::Subject {
                decode: |body, anchor| {
                    let set = DirectiveSet::decode(body, anchor)?;
                    let moved = set.iter().map(|mut directive| {
                        if anchor.as_u64() == 1 {
                            directive.expires_at = directive.expires_at.saturating_add_secs(1);
                        }
                        directive
                    });
                    Ok(DirectiveSet::from_directives(moved).expect("keeps the rules"))
                },
                ..decode::CORE
            },
        ),
        (
            "a bracket costs a page",
            decode::Subject {
                decode: |body, anchor| {
                    let brackets = body.iter().filter(|byte| **byte == b'[').count();
                    let pages = vec![0_u8; brackets * 65_536];
                    std::hint::black_box(pages);
                    DirectiveSet::decode(body, anchor)
                },
                ..decode::CORE
            },
        ),
        (
            "a text is cut at a byte",
            decode::Subject {
                decode: |body, anchor| {
                    if body.len() > 40 {
                        std::hint::black_box(String::from_utf8_lossy(body).into_owned().split_off(40));
                    }
                    DirectiveSet::decode(body, anchor)
                },
                ..decode::CORE
            },
        ),
    ];
    for (what, twin) in twins {
        is_found("decode", what, |input| decode::holds(&twin, input));
    }
}

#[test]
fn a_broken_check_of_images_is_found() {
    let twins: [(&str, image::Subject); 5] = [
        (
            "the checksum is not looked at",
            image::Subject {
                load: |mut bytes| {
                    if bytes.len() > image::CHECKED_FROM {
                        image::seal(&mut bytes);
                    }
                    DirectiveSet::from_image(bytes)
                },
                ..image::CORE
            },
        ),
        (
            "a bound is not looked at",
            image::Subject {
                load: |bytes| {
                    // As if the last number of a head said where something lies.
                    let place = bytes.get(60..64).map_or(0, |it| u32::from_le_bytes(it.try_into().unwrap()));
                    std::hint::black_box(&bytes[place as usize..]);
                    DirectiveSet::from_image(bytes)
                },
                ..image::CORE
            },
        ),
        (
            "another version is not named",
            image::Subject {
                load: |bytes| {
                    let foreign = bytes.get(8..10).is_some_and(|it| it != IMAGE_VERSION.to_le_bytes());
                    if foreign {
                        Err(aldis_core::ImageError::BadChecksum)
                    } else {
                        DirectiveSet::from_image(bytes)
                    }
                },
                ..image::CORE
            },
        ),
        (
            "what is broken passes for nothing",
            image::Subject {
                load: |bytes| Ok(DirectiveSet::from_image(bytes).unwrap_or_else(|_| DirectiveSet::empty())),
                ..image::CORE
            },
        ),
        (
            "a directive decides that does not apply",
            image::Subject {
                evaluate: |set, request, now| {
                    let first = set.explain(request, now).next();
                    let decision = set.evaluate(request, now);
                    Decision {
                        decided_by: decision.decided_by.and(first.map(|first| first.index)),
                        ..decision
                    }
                },
                ..image::CORE
            },
        ),
    ];
    for (what, twin) in twins {
        is_found("image", what, |input| image::holds(&twin, input));
    }
}

#[test]
fn a_broken_evaluator_is_found() {
    let twins: [(&str, evaluate::Subject); 4] = [
        (
            "the last of the highest level decides",
            evaluate::Subject {
                evaluate: |set, request, now| {
                    let decision = set.evaluate(request, now);
                    let applying = set.explain(request, now).filter(|it| it.outcome == Outcome::Applies);
                    let of_level = applying
                        .filter(|it| set.get(it.index).is_some_and(|found| found.level == decision.level));
                    Decision {
                        decided_by: decision.decided_by.and(of_level.map(|it| it.index).last()),
                        ..decision
                    }
                },
                ..evaluate::CORE
            },
        ),
        (
            "what captures a little captures nothing",
            evaluate::Subject {
                evaluate: |set, request, now| {
                    let decision = set.evaluate(request, now);
                    Decision { capture: decision.capture && decision.ring_buffer, ..decision }
                },
                ..evaluate::CORE
            },
        ),
        (
            "the end is still within",
            evaluate::Subject {
                evaluate: |set, request, now| {
                    set.evaluate(request, aldis_core::UnixMillis::new(now.as_u64() - 1))
                },
                ..evaluate::CORE
            },
        ),
        (
            "an explanation leaves the sample out",
            evaluate::Subject {
                explain: |set, request, now| {
                    let not = |it: &Outcome<'_>| format!("{it:?}").contains("NotSampled");
                    set.explain(request, now)
                        .map(|it| it.outcome == Outcome::Applies || not(&it.outcome))
                        .collect()
                },
                ..evaluate::CORE
            },
        ),
    ];
    for (what, twin) in twins {
        is_found("evaluate", what, |input| evaluate::holds(&twin, input));
    }
}

/// A guest that does something else instead of some calls.
struct Broken {
    guest: Native,
    breaks: fn(&mut Native, Call) -> Option<i64>,
}

impl Boundary for Broken {
    fn call(&mut self, call: Call) -> Result<i64, String> {
        let broken = (self.breaks)(&mut self.guest, call);
        broken.map_or_else(|| self.guest.call(call), Ok)
    }

    fn write(&mut self, buffer: Buffer, bytes: &[u8]) -> Result<(), String> {
        self.guest.write(buffer, bytes)
    }

    fn answers(&mut self, len: usize) -> Result<Vec<u8>, String> {
        self.guest.answers(len)
    }

    fn output(&mut self, len: usize) -> Result<Vec<u8>, String> {
        self.guest.output(len)
    }
}

#[test]
fn a_broken_guest_is_found() {
    type Breaks = fn(&mut Native, Call) -> Option<i64>;
    let twins: [(&str, Breaks); 4] = [
        ("a refused load blanks what was in force", |guest, call| {
            let returned = match call {
                Call::LoadImage(_) | Call::LoadDocument(..) => guest.call(call).unwrap(),
                _ => return None,
            };
            if returned < 0 {
                *guest = Native::default();
            }
            Some(returned)
        }),
        ("a status that is of another call", |_, call| {
            matches!(call, Call::EvaluateBatch(4097.., _)).then_some(-7)
        }),
        ("a decision with a bit that means nothing", |guest, call| match call {
            Call::Evaluate(..) => guest.call(call).ok().map(|packed| packed | 1 << 47),
            _ => None,
        }),
        ("more output than there is", |_, call| matches!(call, Call::LastError).then_some(1 << 20)),
    ];
    for (what, breaks) in twins {
        is_found("guest", what, |input| {
            drop(guest::holds(&mut Broken { guest: Native::default(), breaks }, input));
        });
    }
}
