//! One customer, one server and one device with fixed keys and times.

use chrono::{DateTime, NaiveDateTime, Utc};
use gw_model::{
    CustomerId, DeviceFacts, DeviceId, OrderId, OsFacts, RunId, RunbookId, Window, Zone,
};
use gw_wire::{
    enrol::{EnrolCore, HelloAnswer, HelloRequest},
    keys::{KeyId, SigningKey, sha256},
    keyset::{KeySet, KeyUse, RootChange, SignedKeySet, SigningKeyEntry},
    order::{OrderBody, OrderHeader, OrderKind, RunbookRef},
    pack::Encoding,
    psk::{Psk, PskTag},
    seal::{Purpose, RecipientKey},
    secret::SecretBytes,
    stage::{
        ControllerFacts, DirectoryFacts, MachineJoin, PackageHeader, ReturnGrade, SidPair,
        StagePackage,
    },
};
use uuid::Uuid;

/// 22 November 2026, 12:00 UTC.
pub(crate) const NOW: i64 = 1_795_348_800;

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(NOW + seconds, 0).unwrap()
}

fn naive(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0000 + n)
}

/// The customer's first root.
pub(crate) fn first_root() -> SigningKey {
    SigningKey::from_ed25519_seed(&[1; 32]).unwrap()
}

/// The root that followed it.
pub(crate) fn root() -> SigningKey {
    SigningKey::from_ed25519_seed(&[2; 32]).unwrap()
}

/// The server's signing key: the P-256 example key of RFC 9421 appendix B.1.3.
pub(crate) fn server_key() -> SigningKey {
    let pkcs8 = concat!(
        "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420",
        "529b85f3597e90ec5b8dfed3e26352bf4af9b4debb1a29bbae77fa105a5c603b",
        "a14403420004",
        "a885586552c2acf6471878cfd7b0935b4ffe0fd2dfc341248ea17bc41e058af0",
        "31ce2737d2d30ce0617e851e83c61ef5679d151867657649035d90a74cd9e85d",
    );
    SigningKey::from_pkcs8(&hex::decode(pkcs8).unwrap()).unwrap()
}

/// The agent's signing key.
pub(crate) fn agent_key() -> SigningKey {
    SigningKey::from_ed25519_seed(&[3; 32]).unwrap()
}

/// The device's recipient key: the example of RFC 9180 appendix A.2.
pub(crate) fn recipient() -> RecipientKey {
    RecipientKey::from_parts(
        &hex::decode("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb").unwrap(),
        &hex::decode("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a").unwrap(),
    )
    .unwrap()
}

/// The escrow key: the example of RFC 9180 appendix A.1.
pub(crate) fn escrow() -> RecipientKey {
    RecipientKey::from_parts(
        &hex::decode("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8").unwrap(),
        &hex::decode("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d").unwrap(),
    )
    .unwrap()
}

pub(crate) fn customer() -> CustomerId {
    CustomerId(uuid(1))
}

pub(crate) fn device() -> DeviceId {
    DeviceId(uuid(2))
}

pub(crate) fn order_id() -> OrderId {
    OrderId(uuid(3))
}

pub(crate) fn run_id() -> RunId {
    RunId(uuid(4))
}

pub(crate) fn psk() -> Psk {
    Psk {
        tag: PskTag([0xde, 0xad, 0xbe, 0xef]),
        secret: SecretBytes::new((0..16).collect()),
        pin: first_root().id().pin(),
    }
}

pub(crate) fn key_set() -> SignedKeySet {
    let set = KeySet {
        v: 1,
        customer: customer(),
        epoch: 7,
        issued_at: at(-3600),
        signing_keys: vec![SigningKeyEntry {
            key: *server_key().public(),
            uses: vec![KeyUse::Message, KeyUse::Order],
            not_before: at(-3600),
            not_after: at(86_400),
        }],
        escrow_key: escrow().public().into(),
        tls_pins: vec![KeyId(sha256(b"a TLS key"))],
        server_urls: vec!["https://godwit.example/Agent".to_owned()],
        revoked: Vec::new(),
        next_root: None,
    };
    let link = RootChange::sign(customer(), &first_root(), &root(), at(-7200)).unwrap();
    set.sign(&root(), vec![link]).unwrap()
}

pub(crate) fn hello_request() -> HelloRequest {
    HelloRequest {
        v: 1,
        pin: psk().pin,
        key: *agent_key().public(),
    }
}

pub(crate) fn hello_answer(nonce: &str) -> HelloAnswer {
    HelloAnswer {
        v: 1,
        nonce: nonce.to_owned(),
        server_time: at(0),
        key_set: key_set(),
    }
}

pub(crate) fn facts() -> DeviceFacts {
    DeviceFacts {
        computer_name: "PC-ÄRGER 1".to_owned(),
        domain: Some("source.test".to_owned()),
        machine_sid: Some("S-1-5-21-1-2-3-1104".parse().unwrap()),
        entra_device_id: None,
        serial: "SN-0001".to_owned(),
        smbios_uuid: None,
        disk_serial: Some("DISK-1".to_owned()),
        boot_id: "boot-1".to_owned(),
        utc_offset_minutes: 60,
        os: OsFacts {
            edition: "Windows 11 Enterprise".to_owned(),
            build: 22_631,
            is_server: false,
        },
        agent_version: "0.1.0".to_owned(),
    }
}

pub(crate) fn core(nonce: &str) -> EnrolCore {
    EnrolCore {
        v: 1,
        psk: psk().tag,
        nonce: nonce.to_owned(),
        key: *agent_key().public(),
        recipient: recipient().public().into(),
        facts: facts(),
    }
}

fn directory(name: &str, netbios: &str) -> DirectoryFacts {
    DirectoryFacts {
        dns_name: name.to_owned(),
        netbios_name: netbios.to_owned(),
        forest: name.to_owned(),
        sid: Some("S-1-5-21-4-5-6".parse().unwrap()),
        guid: None,
        controllers: vec![ControllerFacts {
            host: format!("dc1.{name}"),
            addresses: vec!["192.0.2.1".to_owned()],
            site: None,
        }],
    }
}

pub(crate) fn order_body() -> OrderBody {
    OrderBody {
        runbook: br#"{"name":"Example runbook"}"#.as_slice().into(),
        sources: vec![directory("source.test", "SOURCE")],
        target: Some(directory("target.test", "TARGET")),
        whole_table: None,
    }
}

pub(crate) fn order_header() -> OrderHeader {
    let window = Window::new(
        naive("2026-11-22T18:00:00"),
        Some(naive("2026-11-22T22:00:00")),
        Zone::Local,
    );
    OrderHeader {
        v: 1,
        kind: OrderKind::Run,
        customer: customer(),
        device: device(),
        agent_key: agent_key().id(),
        order: order_id(),
        sequence: 1,
        run: run_id(),
        batch: None,
        runbook: RunbookRef {
            id: RunbookId(uuid(5)),
            version: 3,
            sha256: KeyId(sha256(&order_body().runbook)),
            name: "Example runbook".to_owned(),
        },
        table_sha256: None,
        packages: Vec::new(),
        window: Some(window.unwrap()),
        not_before: at(0),
        start_by: at(86_400),
        issued_at: at(0),
        force: false,
        encoding: Encoding::Zlib,
    }
}

pub(crate) fn package_header() -> PackageHeader {
    PackageHeader {
        v: 1,
        purpose: Purpose::Stage,
        customer: customer(),
        device: device(),
        agent_key: agent_key().id(),
        order: order_id(),
        run: run_id(),
        issued_at: at(0),
        encoding: Encoding::None,
    }
}

pub(crate) fn package() -> StagePackage {
    StagePackage {
        pairs: vec![SidPair {
            source: "S-1-5-21-1-2-3-1001".parse().unwrap(),
            target: "S-1-5-21-4-5-6-2001".parse().unwrap(),
            kind: gw_model::ObjectKind::User,
            source_name: None,
            target_name: Some("TARGET\\anna".to_owned()),
        }],
        join: Some(MachineJoin {
            directory: directory("target.test", "TARGET"),
            computer_name: "PC-1".to_owned(),
            account: "PC-1$".to_owned(),
            account_sid: Some("S-1-5-21-4-5-6-3001".parse().unwrap()),
            kvno: None,
            secret: SecretBytes::new(b"an example, never a password".to_vec()),
        }),
        return_grade: ReturnGrade::Auto,
        return_because: "an example".to_owned(),
    }
}
