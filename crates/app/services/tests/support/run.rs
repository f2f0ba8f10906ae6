//! What an agent says in the course of a run.

use super::{
    Server,
    agent::{Agent, Ordered, Refused},
};
use chrono::TimeDelta;
use gw_model::{FinalState, StepName, StepState, UserOutcome, UserResult};
use gw_wire::{
    op,
    report::{Report, ReportAnswer, ReportBody, ReportRequest, RunReport, StepReport},
    seal::RecipientKey,
    stage::{
        PackageHeader, ReturnAnswer, ReturnRequest, ReturnTicket, StageAnswer, StagePackage,
        StageRequest,
    },
};
use uuid::Uuid;

impl Agent {
    pub async fn stage(
        &self,
        server: &Server,
        order: &Ordered,
        sids: &[&str],
    ) -> Result<StagePackage, Refused> {
        let recipient = RecipientKey::generate().unwrap();
        let request = StageRequest {
            v: 1,
            order: order.header.order,
            run: order.header.run,
            recipient: recipient.public().to_vec().into(),
            computer_name: self.facts.computer_name.clone(),
            sids: sids.iter().map(|sid| sid.parse().unwrap()).collect(),
            profiles: vec![],
        };
        let answer: StageAnswer = self.ask(server, op::STAGE, &request).await?;
        let header = PackageHeader::read(&answer.package.header).unwrap();
        Ok(header.open(&answer.package, &recipient).unwrap())
    }

    pub async fn come_back(
        &self,
        server: &Server,
        order: &Ordered,
    ) -> Result<ReturnTicket, Refused> {
        let recipient = RecipientKey::generate().unwrap();
        let request = ReturnRequest {
            v: 1,
            order: order.header.order,
            run: order.header.run,
            recipient: recipient.public().to_vec().into(),
            because: "the target is not reached".into(),
        };
        let answer: ReturnAnswer = self.ask(server, op::RETURN, &request).await?;
        let header = PackageHeader::read(&answer.ticket.header).unwrap();
        Ok(header.open(&answer.ticket, &recipient).unwrap())
    }

    pub fn result(&mut self, server: &Server, order: &Ordered, result: FinalState) -> Report {
        self.reports += 1;
        let now = server.services.clock().now();
        let outcome = UserOutcome {
            user: "ann".into(),
            source_sid: "S-1-5-21-1-1-1-1000".parse().unwrap(),
            target_sid: None,
            result: UserResult::Migrated,
            files_seen: 10,
            files_changed: 9,
            keys_changed: 8,
            leftover_source_sids: 0,
            detail: None,
        };
        let body = ReportBody::Result(Box::new(RunReport {
            run: order.header.run,
            order: order.proof.clone(),
            kind: order.header.kind.run_kind().unwrap(),
            runbook: order.header.runbook.id,
            runbook_version: order.header.runbook.version,
            result,
            verified: true,
            started_at: now - TimeDelta::minutes(5),
            finished_at: now,
            reboots: 2,
            undone_objects: 0,
            steps: vec![StepReport {
                step: StepName::Join,
                state: StepState::Done,
                duration_ms: 1500,
                detail: None,
            }],
            users: vec![outcome],
            detail: None,
        }));
        Report {
            sequence: self.reports,
            key: Uuid::new_v4(),
            at: now,
            body,
        }
    }

    pub async fn send(&self, server: &Server, reports: Vec<Report>) -> ReportAnswer {
        self.ask(server, op::REPORT, &ReportRequest { v: 1, reports })
            .await
            .unwrap()
    }
}
