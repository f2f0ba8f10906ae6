//! The password of a fallback administrator, from the device to the console.

use gw_model::{CustomerId, DeviceId, ObjectKind, RunId};
use gw_wire::enrol::EnrolAnswer;
use gw_wire::envelope::{EscrowHeader, EscrowKind, Escrowed};
use gw_wire::op;
use gw_wire::private::PrivateBody;
use gw_wire::report::{Report, ReportBody, ReportRequest};
use serde_json::json;
use uuid::Uuid;

use crate::agents::{Agent, believed};
use crate::harness::Server;

const PASSWORD: &str = "Kd7mP-first-Secret-of-one-Device";

#[tokio::test]
async fn a_password_is_listed_without_itself_and_shown_with_a_reason() {
    let (server, admin) = Server::ready().await;
    let sid = server.directory.add(ObjectKind::Computer, 1101, "PC-1");
    server.import(&admin).await;
    let mut agent = Agent::new(&server, &admin, "first_claim").await;
    let signed = agent.enrolment(&server, "PC-1", &sid.to_string()).await;
    let answer = agent.send(&server, &signed).await.expect(200);
    let told = believed(&agent, &signed, &answer);
    let enrolled: EnrolAnswer = serde_json::from_value(told).unwrap();
    let (customer, device) = (enrolled.customer, enrolled.device);
    let run = RunId(Uuid::from_u128(77));
    let path = admin.path(&format!("/devices/{device}"));
    let shown = server.get(&path, Some(&admin)).await.expect(200).json();
    assert_eq!(shown["fallback_administrators"], json!([]));

    let key = Uuid::from_u128(5);
    let body = escrow(&agent, customer, device, run, key);
    let root = agent.root.clone().unwrap();
    let signed = agent.sign(&server, op::REPORT, &root, body);
    let answer = agent.send(&server, &signed).await.expect(200);
    assert_eq!(
        believed(&agent, &signed, &answer)["escrowed"],
        json!([key.to_string()])
    );

    let answer = server.get(&path, Some(&admin)).await.expect(200);
    let shown = answer.json();
    let held = &shown["fallback_administrators"][0];
    assert_eq!(
        (&held["account"], &held["run_id"]),
        (&json!("GodwitFallback"), &json!(run.to_string()))
    );
    assert!(!String::from_utf8_lossy(&answer.body).contains(PASSWORD));

    let reveal = format!("{path}/fallback-administrators/{run}/reveal");
    let ask = async |body| server.json("POST", &reveal, &body, Some(&admin)).await;
    let refused = ask(json!({"reason": " "})).await.expect(422);
    assert_eq!(refused.code(), "reason_missing");
    assert_eq!(refused.json()["errors"][0]["field"], "reason");
    ask(json!({})).await.expect(400);
    let given = ask(json!({"reason": "Ann cannot sign in"}))
        .await
        .expect(200);
    assert_eq!(given.header("cache-control"), "no-store");
    assert_eq!(
        given.json(),
        json!({"account": "GodwitFallback", "password": PASSWORD})
    );
    let other = reveal.replace(&run.to_string(), &RunId(Uuid::from_u128(78)).to_string());
    let body = json!({"reason": "Ann cannot sign in"});
    let none = server.json("POST", &other, &body, Some(&admin)).await;
    assert_eq!(none.expect(404).code(), "nothing_escrowed");

    let trail = server
        .get(
            "/api/v1/audit?action=device.reveal_fallback_administrator",
            Some(&admin),
        )
        .await
        .expect(200);
    let rows = trail.json()["items"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 1);
    let text = rows[0].to_string();
    assert!(text.contains("Ann cannot sign in") && text.contains(&device.to_string()));
    assert!(!text.contains(PASSWORD));
}

fn escrow(agent: &Agent, customer: CustomerId, device: DeviceId, run: RunId, key: Uuid) -> Vec<u8> {
    let at = crate::harness::start();
    let header = EscrowHeader {
        customer,
        device,
        order: None,
        run: Some(run),
        kind: EscrowKind::FallbackPassword,
        label: "GodwitFallback".to_owned(),
        created_at: at,
    };
    let keys = agent.keys.as_ref().unwrap();
    let sealed = Escrowed::make(keys, &header, PASSWORD.as_bytes()).unwrap();
    let request = ReportRequest {
        v: 1,
        reports: vec![Report {
            sequence: 1,
            key,
            at,
            body: ReportBody::Escrow(Box::new(sealed)),
        }],
    };
    let plain = serde_json::to_vec(&request).unwrap();
    let body = PrivateBody::seal(op::REPORT, &plain, &keys.escrow_key, customer, device);
    serde_json::to_vec(&body.unwrap()).unwrap()
}
