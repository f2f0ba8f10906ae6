// One run as it happens: steps with progress, what became of each user, and the log.
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { queryClient } from "../../api/query";
import type { Run, RunUser } from "../../api/types";
import { useCustomer } from "../../app/session";
import { count, duration } from "../../app/time";
import { runKind, runWord, userResult } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { DataTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { Facts } from "../../ui/Facts";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time, useNow } from "../../ui/Time";
import { LogView } from "../agent-logs/LogView";
import { useAgentLogs } from "../agent-logs/queries";
import { isOpen, undoRun, useRun, withdrawRun } from "./queries";
import { Steps } from "./Steps";
import { text } from "./text";

export default function RunPage() {
  const { runId = "" } = useParams({ strict: false }) as { runId?: string };
  const query = useRun(runId);
  const run = query.data;
  const crumb = <Link to="/runs">{text.title}</Link>;
  return (
    <Page
      title={run ? text.title_(run.summary.device_name) : text.title}
      crumb={crumb}
      actions={run && <Actions run={run} />}
    >
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {run && <Content run={run} />}
    </Page>
  );
}

function Actions({ run }: { run: Run }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const { id, state, result, kind } = run.summary;
  const refresh = () => queryClient.invalidateQueries({ queryKey: [customer] });
  const undo = async () => {
    const made = await undoRun(customer, id);
    await refresh();
    await navigate({ to: `/runs/${made.id}` });
  };
  if (state === "ordered") {
    return (
      <AskButton
        label={text.withdraw}
        title={text.withdrawTitle}
        confirm={text.withdraw}
        onConfirm={() => withdrawRun(customer, id).then(refresh)}
      >
        <p>{text.withdrawText}</p>
      </AskButton>
    );
  }
  if (kind === "run" && (result === "migrated" || result === "held")) {
    return (
      <AskButton label={text.undo} title={text.undoTitle} confirm={text.undo} onConfirm={undo}>
        <p>{text.undoText}</p>
      </AskButton>
    );
  }
  return null;
}

function Content({ run }: { run: Run }) {
  const { summary } = run;
  const open = isOpen(summary);
  const logs = useAgentLogs({ q: "", severity: "", run: summary.id, device: "" }, open);
  return (
    <>
      <div className="columns run">
        <div className="stack">
          <Summary run={run} />
          <section className="stack tight">
            <h2>{text.log}</h2>
            <LogView label={text.liveLog} logs={logs} empty={text.noLog} />
          </section>
        </div>
        <section className="card">
          <h2>{text.steps}</h2>
          {run.steps.length > 0 ? <Steps steps={run.steps} /> : <p className="muted">{text.noSteps}</p>}
        </section>
      </div>
      <section className="stack tight">
        <h2>{text.users}</h2>
        {run.users.length > 0 ? <Users users={run.users} /> : <p className="muted">{text.noUsers}</p>}
      </section>
    </>
  );
}

function Summary({ run }: { run: Run }) {
  const { summary } = run;
  const now = useNow(isOpen(summary) ? 1000 : 0);
  const n = text.names;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{text.summary}</h2>
        <span role="status" data-state={summary.state} data-result={summary.result ?? ""}>
          <Badge word={runWord(summary)} />
        </span>
      </div>
      <Facts
        facts={[
          [n.reason, summary.reason],
          [n.kind, runKind[summary.kind]],
          [
            n.device,
            <Link key="device" to={`/devices/${summary.device_id}`}>
              {summary.device_name}
            </Link>,
          ],
          [
            n.runbook,
            <Link key="runbook" to={`/runbooks/${summary.runbook_id}`}>
              {text.version(summary.runbook_name, summary.runbook_version)}
            </Link>,
          ],
          [n.batch, summary.batch_id && <Link to={`/batches/${summary.batch_id}`}>{text.openBatch}</Link>],
          [n.ordered, <Time key="ordered" at={summary.ordered_at} />],
          [n.started, <Time key="started" at={summary.started_at} />],
          [n.finished, <Time key="finished" at={summary.finished_at} />],
          [n.took, summary.started_at && duration(summary.started_at, summary.finished_at ?? now)],
          [n.reboots, summary.reboots],
        ]}
      />
    </section>
  );
}

function Users({ users }: { users: RunUser[] }) {
  const c = text.userColumns;
  return (
    <DataTable
      caption={text.users}
      rows={users}
      rowKey={(user) => user.source_sid}
      columns={[
        {
          label: c.user,
          cell: (user) => (
            <>
              <strong>{user.user}</strong>
              {user.detail && <div className="small muted">{user.detail}</div>}
            </>
          ),
        },
        { label: c.result, cell: (user) => <Badge word={userResult[user.result]} /> },
        {
          label: c.sids,
          cell: (user) => (
            <>
              <code className="small sid">{user.source_sid}</code>
              <br />
              <code className="small sid">{user.target_sid ?? "–"}</code>
            </>
          ),
        },
        {
          label: c.files,
          end: true,
          cell: (user) => `${count(user.files_changed)} / ${count(user.files_seen)}`,
        },
        { label: c.keys, end: true, cell: (user) => count(user.keys_changed) },
        { label: c.left, end: true, cell: (user) => count(user.leftover_source_sids) },
      ]}
    />
  );
}
