//! First contact, admission, clocks, rotation, and who is not believed.

use crate::{
    server::Server,
    world::{Flip, World, start},
};
use chrono::TimeDelta;
use gw_agent::StateFolder;
use gw_model::{DeviceTrust, EventCode};
use gw_wire::{
    codes,
    keys::{Algorithm, SigningKey},
    op,
    replay::NonceCache,
    secret::SecretBytes,
};

#[test]
fn enrols_at_once_and_forgets_the_pre_shared_key() {
    let world = World::new();
    let status = world.agent().tick().unwrap();
    assert!(status.enrolled.is_some());
    assert_eq!(status.trust, Some(DeviceTrust::Trusted));
    assert_eq!(status.trouble, None);
    let server = world.shared.server.borrow();
    assert_eq!(
        server.log[..3],
        [op::HELLO, op::ENROL, op::CHECKIN].map(|o| o)
    );
    assert!(server.events().contains(&EventCode::ENROLLED));
    let text = server.psk.to_text();
    let needles = [
        text.as_bytes().to_vec(),
        server.psk.secret.expose().to_vec(),
        gw_wire::bytes::encode(text.as_bytes()).into_bytes(),
    ];
    for (name, bytes) in world.files() {
        for needle in &needles {
            assert!(
                !bytes.windows(needle.len()).any(|w| w == &needle[..]),
                "the key lies in {name}"
            );
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &str| {
            std::fs::metadata(world.folder.join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(""), 0o700);
        assert_eq!(mode("identity.json"), 0o600);
    }
}

#[test]
fn enrols_by_itself_after_the_import() {
    let world = World::new();
    world.shared.server.borrow_mut().imported.clear();
    let mut agent = world.agent();
    let status = world.live(&mut agent, start() + TimeDelta::hours(3));
    assert_eq!(status.enrolled, None);
    assert_eq!(
        status.refusal.as_deref(),
        Some(codes::COMPUTER_UNKNOWN.code)
    );
    let tries = world
        .shared
        .server
        .borrow()
        .log
        .iter()
        .filter(|o| **o == op::ENROL)
        .count();
    assert!(
        (7..12).contains(&tries),
        "1, 2, 4 … 60 minutes: {tries} tries in three hours"
    );
    drop(agent);
    // The key is still there after a restart of the agent, without giving it again.
    let mut agent = world.agent_with(None);
    world
        .shared
        .server
        .borrow_mut()
        .imported
        .insert("S-1-5-21-1-2-3-1104".to_owned());
    let status = world.live(&mut agent, world.now() + TimeDelta::hours(1));
    assert!(status.enrolled.is_some());
    assert!(
        world
            .shared
            .server
            .borrow()
            .events()
            .contains(&EventCode::WAITING_FOR_IMPORT)
    );
}

#[test]
fn waits_for_approval_without_orders() {
    let world = World::new();
    {
        let mut server = world.shared.server.borrow_mut();
        server.trust = DeviceTrust::Pending;
        let (header, body) = server.order(1, start());
        server.orders.push((header, body, None));
    }
    let mut agent = world.agent();
    let status = world.live(&mut agent, start() + TimeDelta::minutes(90));
    assert_eq!(status.trust, Some(DeviceTrust::Pending));
    assert_eq!((status.orders.len(), world.starts()), (0, 0));
    world.shared.server.borrow_mut().trust = DeviceTrust::Trusted;
    world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert_eq!(world.starts(), 1);
}

#[test]
fn an_impostor_with_the_right_key_is_refused() {
    let world = World::new();
    let psk = world.shared.server.borrow().psk.clone();
    let mut impostor = Server::new(start());
    // It knows the whole pre-shared key, but not the root's private key.
    impostor.psk = psk.clone();
    *world.shared.server.borrow_mut() = impostor;
    let mut agent = world.agent_with(Some(psk));
    let status = world.live(&mut agent, start() + TimeDelta::hours(2));
    assert_eq!(status.enrolled, None);
    assert!(status.trouble.unwrap().contains("not believed"));
    let server = world.shared.server.borrow();
    assert!(
        server.log.iter().all(|o| *o == op::HELLO),
        "nothing but hello was said"
    );
    drop(server);
    assert!(queued(&world).contains(&EventCode::SERVER_NOT_TRUSTED.0));
}

#[test]
fn an_impostor_cannot_take_over_an_enrolled_agent() {
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    let mut impostor = Server::new(start());
    impostor.psk = world.shared.server.borrow().psk.clone();
    impostor.epoch = 99;
    let (header, body) = impostor.order(1, start());
    impostor.orders.push((header, body, None));
    *world.shared.server.borrow_mut() = impostor;
    world.live(&mut agent, start() + TimeDelta::hours(4));
    assert_eq!(world.starts(), 0);
    assert!(queued(&world).contains(&EventCode::SERVER_NOT_TRUSTED.0));
}

#[test]
fn a_captive_portal_is_a_network_failure() {
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    for status in [200, 302, 403, 502] {
        world.shared.portal.set(Some(status));
        world.live(&mut agent, world.now() + TimeDelta::hours(2));
    }
    assert!(queued(&world).contains(&EventCode::ANSWER_UNSIGNED.0));
    world.shared.portal.set(None);
    let status = world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert_eq!(
        (status.trouble, status.trust),
        (None, Some(DeviceTrust::Trusted))
    );
}

#[test]
fn one_flipped_bit_anywhere_is_refused_in_both_directions() {
    let mut flips = Vec::new();
    for at in (0..2000).step_by(97) {
        flips.extend([Flip::RequestBody(at), Flip::AnswerBody(at)]);
        flips.extend((0..5).map(|index| Flip::RequestHeader(index, at)));
        flips.extend((0..3).map(|index| Flip::AnswerHeader(index, at)));
    }
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    {
        let mut server = world.shared.server.borrow_mut();
        let (header, body) = server.order(1, start());
        server.orders.push((header, body, None));
        server.reports.clear();
    }
    for flip in flips {
        world.shared.flip.set(Some(flip));
        gw_agent::ask(&world.state(), gw_agent::Asked::CheckNow).unwrap();
        let status = agent.tick().unwrap();
        assert!(status.trouble.is_some(), "{flip:?}");
        assert_eq!((status.orders.len(), world.starts()), (0, 0), "{flip:?}");
    }
    assert!(world.shared.server.borrow().reports.is_empty());
    world.shared.flip.set(None);
    gw_agent::ask(&world.state(), gw_agent::Asked::CheckNow).unwrap();
    agent.tick().unwrap();
    assert_eq!(world.starts(), 1);
}

#[test]
fn a_wrong_device_clock_is_learned_around_and_reported() {
    let world = World::new();
    world.shared.device_clock_off.set(TimeDelta::hours(-26));
    let status = world.agent().tick().unwrap();
    assert_eq!(
        (status.trouble, status.trust),
        (None, Some(DeviceTrust::Trusted))
    );
    assert_eq!(status.clock_skew_ms, -26 * 3_600_000);
    assert!(
        world
            .shared
            .server
            .borrow()
            .events()
            .contains(&EventCode::CLOCK_SKEW)
    );
}

#[test]
fn a_restarted_server_asks_to_sign_again() {
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    world.wait(TimeDelta::hours(1));
    let now = world.now().timestamp();
    world.shared.server.borrow_mut().nonces = NonceCache::new(now, 100);
    let status = agent.tick().unwrap();
    assert_eq!(status.trouble, None);
}

#[test]
fn signing_keys_rotate_without_touching_agents() {
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    {
        let mut server = world.shared.server.borrow_mut();
        server.key = SigningKey::generate(Algorithm::Ed25519).unwrap();
        server.epoch += 1;
    }
    let status = world.live(&mut agent, start() + TimeDelta::minutes(61));
    assert_eq!(
        (status.trouble, status.trust),
        (None, Some(DeviceTrust::Trusted))
    );
    // A server that went back to an older epoch is not followed.
    {
        let mut server = world.shared.server.borrow_mut();
        server.key = SigningKey::generate(Algorithm::Ed25519).unwrap();
        server.epoch -= 1;
    }
    let status = world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert!(status.trouble.is_some());
}

#[test]
fn a_new_root_is_followed_by_its_chain() {
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    for _ in 0..2 {
        let mut server = world.shared.server.borrow_mut();
        server.change_root(world.now());
        server.key = SigningKey::generate(Algorithm::Ed25519).unwrap();
    }
    let status = world.live(&mut agent, start() + TimeDelta::minutes(61));
    assert_eq!(
        (status.trouble, status.trust),
        (None, Some(DeviceTrust::Trusted))
    );
    // An agent that begins with the old pin finds the new root, too.
    let late = World::beside(world.shared.clone());
    world.shared.facts.borrow_mut().machine_sid = Some("S-1-5-21-1-2-3-1105".parse().unwrap());
    let mut server = world.shared.server.borrow_mut();
    server.imported.insert("S-1-5-21-1-2-3-1105".to_owned());
    drop(server);
    let status = late.agent().tick().unwrap();
    assert_eq!((status.trouble, status.enrolled.is_some()), (None, true));
}

#[test]
fn a_second_machine_that_claims_the_computer_gets_conflict_and_no_order() {
    let world = World::new();
    let mut first = world.agent();
    first.tick().unwrap();
    let second = World::beside(world.shared.clone());
    {
        let mut server = world.shared.server.borrow_mut();
        let (header, body) = server.order(1, start());
        server.orders.push((header, body, None));
    }
    let mut thief = second.agent();
    let status = second.live(&mut thief, start() + TimeDelta::minutes(30));
    assert_eq!(status.refusal.as_deref(), Some(codes::CONFLICT.code));
    assert_eq!(
        (status.trust, status.orders.len()),
        (Some(DeviceTrust::Conflict), 0)
    );
    assert_eq!(world.starts(), 0);
    let status = world.live(&mut first, world.now() + TimeDelta::hours(1));
    assert_eq!(status.trust, Some(DeviceTrust::Trusted));
    assert_eq!(world.starts(), 1);
}

#[test]
fn a_wrong_pre_shared_key_is_refused() {
    let world = World::new();
    let mut psk = world.shared.server.borrow().psk.clone();
    psk.secret = SecretBytes::new(vec![7; 16]);
    let status = world.agent_with(Some(psk)).tick().unwrap();
    assert_eq!(status.refusal.as_deref(), Some(codes::PSK_REFUSED.code));
}

#[test]
fn other_hardware_is_another_device() {
    let world = World::new();
    world.agent().tick().unwrap();
    world.shared.facts.borrow_mut().smbios_uuid =
        Some("99999999-2222-3333-4444-555555555555".parse().unwrap());
    let status = world.agent_with(None).tick().unwrap();
    assert_eq!(status.enrolled, None);
    assert!(world.folder.join("parked-1").is_dir());
    // With a key it enrols again; the live key of the first makes that a conflict for a person.
    let status = world.agent().tick().unwrap();
    assert_eq!(status.refusal.as_deref(), Some(codes::CONFLICT.code));
    assert!(queued(&world).contains(&EventCode::IDENTITY_CHANGED.0));
}

#[test]
fn prepare_image_leaves_no_identity() {
    let world = World::new();
    let mut agent = world.agent();
    agent.tick().unwrap();
    drop(agent);
    let state: StateFolder = world.state();
    let key = world.files()["identity.json"].clone();
    gw_agent::prepare_image(&state).unwrap();
    assert!(!world.files().contains_key("identity.json"));
    world.agent_with(None).tick().unwrap();
    assert_ne!(world.files()["identity.json"], key);
}

/// Event codes that wait on the device.
fn queued(world: &World) -> Vec<u16> {
    let reports = world
        .files()
        .into_iter()
        .filter(|(name, _)| name.starts_with("queue/"));
    let code = |(_, bytes): (String, Vec<u8>)| {
        let report: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        report["body"]["code"]
            .as_u64()
            .and_then(|code| code.try_into().ok())
    };
    reports.filter_map(code).collect()
}
