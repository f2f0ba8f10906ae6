//! One project from directories to an order, through the API alone.

use gw_model::ObjectKind;
use serde_json::{Value, json};

use crate::agents::{Agent, believed};
use crate::harness::{Admin, Answer, Server};

async fn post(server: &Server, admin: &Admin, path: &str, body: &Value) -> Answer {
    server
        .json("POST", &admin.path(path), body, Some(admin))
        .await
}

async fn get(server: &Server, admin: &Admin, path: &str) -> Value {
    server
        .get(&admin.path(path), Some(admin))
        .await
        .expect(200)
        .json()
}

async fn csv(server: &Server, admin: &Admin, path: &str, file: &str) -> Answer {
    let request = server
        .request("POST", &admin.path(path), Some(admin))
        .header("content-type", "text/csv");
    server
        .send(request.body(file.to_owned().into()).unwrap())
        .await
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

async fn directory(server: &Server, admin: &Admin, name: &str) -> String {
    let body = json!({"name": name, "password": "read-only-password", "connection": {
        "kind": "active_directory", "host": format!("dc1.{name}.test"), "port": 636, "transport": "ldaps",
        "trust": {"kind": "system"}, "account": format!("reader@{name}.test")}});
    id(&post(server, admin, "/directories", &body)
        .await
        .expect(201)
        .json())
}

#[tokio::test]
async fn a_project_from_directories_to_an_order() {
    let (server, admin) = Server::ready().await;
    server.directory.add(ObjectKind::User, 1001, "ann");
    server.directory.add(ObjectKind::User, 1002, "=cmd");
    let sid = server.directory.add(ObjectKind::Computer, 1101, "PC-1");
    server.directory.add(ObjectKind::Computer, 1102, "PC-2");

    // The guide begins with what comes first.
    assert_eq!(get(&server, &admin, "/guide").await["next"], "directories");
    let source = directory(&server, &admin, "source").await;
    let target = directory(&server, &admin, "target").await;
    let tested = post(
        &server,
        &admin,
        &format!("/directories/{source}/test-connection"),
        &Value::Null,
    )
    .await;
    assert_eq!(
        tested.expect(200).json()["checks"]
            .as_array()
            .unwrap()
            .len(),
        6
    );

    let profile = json!({"name": "People", "source_directory_id": source, "target_directory_id": target,
        "rules": [{"kind": "user", "source_attribute": "sAMAccountName", "target_attribute": "sAMAccountName"}]});
    let profile = post(&server, &admin, "/sync-profiles", &profile)
        .await
        .expect(201)
        .json();
    let cycle = post(&server, &admin, "/schedule/start", &Value::Null)
        .await
        .expect(202)
        .json();
    let busy = post(&server, &admin, "/schedule/start", &Value::Null)
        .await
        .expect(409);
    assert_eq!(busy.code(), "job_running");
    server.services.run_due_jobs().await.unwrap();
    let cycle = get(&server, &admin, &format!("/jobs/{}", id(&cycle))).await;
    assert_eq!(cycle["state"], "succeeded", "{cycle}");
    let parts = get(&server, &admin, &format!("/jobs/{}/children", id(&cycle))).await;
    assert_eq!(parts["items"].as_array().unwrap().len(), 3);
    let schedule = json!({"rule": {"kind": "interval", "minutes": 30}});
    let schedule = server
        .json("PUT", &admin.path("/schedule"), &schedule, Some(&admin))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&schedule["rule"]["minutes"], &schedule["last_cycle"]["id"]),
        (&json!(30), &cycle["id"])
    );

    // The Translation Table: search, counts, explanation, a CSV that no spreadsheet executes.
    let found = get(&server, &admin, "/translations?q=ann&state=matched").await;
    let row = &found["items"][0];
    assert_eq!(
        (&row["source"]["account_name"], &row["profile_id"]),
        (&json!("ann"), &profile["id"])
    );
    assert_eq!(
        get(&server, &admin, "/translations/counts").await["matched"],
        2
    );
    let object = row["source"]["id"].as_str().unwrap();
    let told = get(
        &server,
        &admin,
        &format!("/translations/{object}/explanation"),
    )
    .await;
    assert_eq!(told["code"], "matched");
    assert!(
        told["sentences"][0]
            .as_str()
            .unwrap()
            .contains("sAMAccountName")
    );
    let report = get(&server, &admin, &format!("/objects/{object}")).await;
    assert_eq!(report["explanations"][0]["code"], "matched");
    let listed = get(
        &server,
        &admin,
        &format!("/objects?directory_id={source}&kind=computer"),
    )
    .await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let export = server
        .get(&admin.path("/translations.csv"), Some(&admin))
        .await
        .expect(200);
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(export.body).unwrap();
    assert!(
        text.starts_with("source_sid,target_sid,") && text.contains("'=cmd"),
        "{text}"
    );

    // A runbook from the template; every fault is named by its path.
    let mut document = server
        .get("/api/v1/runbook-template", Some(&admin))
        .await
        .expect(200)
        .json()["document"]
        .take();
    let faulty = post(&server, &admin, "/runbooks", &json!({"document": document}))
        .await
        .expect(422);
    let faults = faulty.json()["errors"].as_array().unwrap().clone();
    assert!(
        faults.iter().any(|one| one["field"]
            .as_str()
            .unwrap()
            .starts_with("document.general")),
        "{faults:?}"
    );
    document["general"]["name"] = json!("Move");
    document["general"]["sources"] = json!([source]);
    document["general"]["target"] = json!(target);
    let made = post(&server, &admin, "/runbooks", &json!({"document": document})).await;
    let runbook = made.expect(201).json();
    let versions = get(
        &server,
        &admin,
        &format!("/runbooks/{}/versions", id(&runbook)),
    )
    .await;
    assert_eq!(
        (
            &versions["items"][0]["version"],
            &versions["items"][0]["saved_by"]
        ),
        (&json!(1), &json!("ann"))
    );

    // A batch: a wrong window, then a list by CSV in which every line must be good.
    let batch = |from: &str, name: &str| {
        json!({"name": name, "source_directory_id": source, "target_directory_id": target, "mode": "only_these",
            "runbooks": [{"runbook_id": id(&runbook), "available_from": from,
                "enforced_after": "2026-11-22T10:00:00", "zone": "utc"}]})
    };
    let swapped = post(
        &server,
        &admin,
        "/batches",
        &batch("2026-11-23T10:00:00", "Pilot"),
    )
    .await
    .expect(422);
    assert_eq!(
        swapped.json()["errors"][0]["field"],
        "runbooks.0.enforced_after"
    );
    let pilot = id(&post(
        &server,
        &admin,
        "/batches",
        &batch("2026-11-22T10:00:00", "Pilot"),
    )
    .await
    .expect(201)
    .json());
    let other = id(&post(
        &server,
        &admin,
        "/batches",
        &batch("2026-11-22T10:00:00", "Other"),
    )
    .await
    .expect(201)
    .json());
    let import = format!("/batches/{pilot}/devices/import");
    let bad = csv(&server, &admin, &import, "computer\nPC-1\nPC-9\n")
        .await
        .expect(422)
        .json();
    assert_eq!(
        (
            &bad["ok"],
            &bad["errors"][0]["line"],
            &bad["errors"][0]["code"]
        ),
        (&json!(false), &json!(3), &json!("unknown_device"))
    );
    assert_eq!(
        get(&server, &admin, &format!("/batches/{pilot}/devices")).await["items"],
        json!([])
    );
    csv(&server, &admin, &import, "computer\npc-1\nPC-2\n")
        .await
        .expect(200);
    let device = get(&server, &admin, "/devices?q=pc-1").await["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let add = json!({"device_ids": [device]});
    let clash = post(&server, &admin, &format!("/batches/{other}/devices"), &add)
        .await
        .expect(409);
    assert_eq!(clash.code(), "device_in_other_batch");
    assert!(clash.json()["detail"].as_str().unwrap().contains("Pilot"));
    let moved = post(
        &server,
        &admin,
        &format!("/devices/{device}/move"),
        &json!({"batch_id": other}),
    )
    .await
    .expect(200);
    assert_eq!(moved.json()["batch"]["name"], "Other");
    let exported = server
        .get(
            &admin.path(&format!("/batches/{pilot}/devices.csv")),
            Some(&admin),
        )
        .await
        .expect(200);
    assert_eq!(String::from_utf8(exported.body).unwrap().lines().count(), 2);

    // An agent enrols. What keeps its runbook back is said in words, and then is not there any more.
    let waiting = get(&server, &admin, &format!("/devices/{device}")).await;
    assert_eq!(
        (
            &waiting["eligibility"][0]["decision"],
            &waiting["eligibility"][0]["code"]
        ),
        (&json!("wait"), &json!("no_agent"))
    );
    let mut agent = Agent::new(&server, &admin, "first_claim").await;
    let enrol = agent.enrolment(&server, "PC-1", &sid).await;
    let answer = agent.send(&server, &enrol).await.expect(200);
    assert_eq!(believed(&agent, &enrol, &answer)["trust"], "trusted");
    let unlicensed = get(&server, &admin, &format!("/devices/{device}")).await;
    assert_eq!(
        unlicensed["eligibility"][0]["decision"], "refuse",
        "{unlicensed}"
    );
    assert_eq!(unlicensed["eligibility"][0]["code"], "licence");
    license(&server, &admin).await;
    let ready = get(&server, &admin, &format!("/devices/{device}")).await;
    assert_eq!(ready["eligibility"][0]["decision"], "run", "{ready}");

    // A rehearsal can be ordered and withdrawn.
    let choice = json!({"runbook_id": id(&runbook)});
    let run = post(
        &server,
        &admin,
        &format!("/devices/{device}/rehearse"),
        &choice,
    )
    .await
    .expect(202)
    .json();
    assert_eq!(
        (&run["kind"], &run["state"]),
        (&json!("rehearse"), &json!("ordered"))
    );
    let shown = get(&server, &admin, &format!("/runs/{}", id(&run))).await;
    assert_eq!(shown["summary"]["device_name"], "PC-1");
    let withdrawn = post(
        &server,
        &admin,
        &format!("/runs/{}/withdraw", id(&run)),
        &Value::Null,
    )
    .await
    .expect(200);
    assert_eq!(withdrawn.json()["state"], "cancelled");
    post(
        &server,
        &admin,
        &format!("/runs/{}/undo", id(&run)),
        &Value::Null,
    )
    .await
    .expect(409);

    let board = get(&server, &admin, "/dashboard").await;
    assert_eq!(
        (
            &board["devices"]["total"],
            &board["devices"]["trusted"],
            &board["licence_seats"]
        ),
        (&json!(2), &json!(1), &json!(5))
    );
    let trail = server
        .get("/api/v1/audit?limit=200", Some(&admin))
        .await
        .expect(200)
        .json();
    let actions: Vec<&str> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    for action in [
        "directory.create",
        "profile.create",
        "cycle.start",
        "runbook.create",
        "batch.create",
        "psk.create",
        "run.rehearse",
        "run.withdraw",
    ] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
}

/// Trusts an issuer by the settings, and adds a licence that it issued.
async fn license(server: &Server, admin: &Admin) {
    let (secret, public) = gw_services::new_issuer().unwrap();
    let licence = gw_model::Licence {
        id: gw_model::LicenceId(uuid::Uuid::from_u128(1)),
        product: gw_model::LicenceProduct::MigrationAgent,
        licensee: "Contoso".into(),
        source: "source.test".into(),
        target: "target.test".into(),
        devices: 5,
        trial: false,
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
    };
    let text = json!({"licence": gw_services::issue_licence(&secret, &licence).unwrap()});
    let stranger = post(server, admin, "/licences", &text).await.expect(422);
    assert_eq!(stranger.code(), "issuer_unknown");
    let held = server
        .get("/api/v1/settings", Some(admin))
        .await
        .expect(200);
    let change = json!({"agent_url": held.json()["agent_url"], "poll_minutes": 60,
        "licence_issuers": [{"name": "Godwit", "public_key": public}]});
    let request = server
        .request("PUT", "/api/v1/settings", Some(admin))
        .header("content-type", "application/json")
        .header("if-match", held.header("etag"));
    server
        .send(request.body(change.to_string().into()).unwrap())
        .await
        .expect(200);
    let opinion = post(server, admin, "/licences/check", &text)
        .await
        .expect(200)
        .json();
    assert_eq!(opinion["ok"], true, "{opinion}");
    let added = post(server, admin, "/licences", &text)
        .await
        .expect(201)
        .json();
    assert_eq!(
        (&added["state"], &added["terms"]["devices"]),
        (&json!("valid"), &json!(5))
    );
    assert_eq!(
        post(server, admin, "/licences", &text)
            .await
            .expect(409)
            .code(),
        "licence_known"
    );
}
