// Everything about one device: why it does or does not run, its agents, its history.
import { useMutation } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { queryClient } from "../../api/query";
import type { Device } from "../../api/types";
import { useCustomer } from "../../app/session";
import { decision, trustState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { DataTable } from "../../ui/DataTable";
import { Facts } from "../../ui/Facts";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { useDirectoryName } from "../directories/queries";
import { RunTable } from "../runs/RunTable";
import { Agents } from "./Agents";
import { MoveBox, RehearseBox } from "./DeviceActions";
import { Outcome } from "./DevicesPage";
import { Fallback } from "./Fallback";
import { approve, useDevice } from "./queries";
import { text } from "./text";

export default function DevicePage() {
  const { deviceId = "" } = useParams({ strict: false }) as { deviceId?: string };
  const customer = useCustomer();
  const query = useDevice(deviceId);
  const device = query.data;
  const send = useMutation({
    mutationFn: () => approve(customer, [deviceId]),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [customer] }),
  });
  const crumb = <Link to="/devices">{text.title}</Link>;
  return (
    <Page
      title={device?.summary.name ?? text.title}
      crumb={crumb}
      actions={
        device?.summary.trust === "pending" && (
          <button
            type="button"
            className="button primary"
            disabled={send.isPending}
            onClick={() => send.mutate()}
          >
            {text.approveOne}
          </button>
        )
      }
    >
      <ProblemNote error={query.error ?? send.error} />
      <div role="status">{send.data && <Outcome result={send.data} />}</div>
      {query.isPending && <Loading />}
      {device && <Content device={device} />}
    </Page>
  );
}

function Content({ device }: { device: Device }) {
  const nameOf = useDirectoryName();
  const { summary } = device;
  const n = text.names;
  const h = text.historyColumns;
  return (
    <>
      <div className="columns">
        <section className="card">
          <div className="card-head">
            <h2>{text.facts}</h2>
            <Badge word={trustState[summary.trust]} />
          </div>
          <Facts
            facts={[
              [n.directory, nameOf(summary.directory_id)],
              [n.serial, summary.serial],
              [n.os, summary.os],
              [n.version, summary.agent_version],
              [n.seen, <Time key="seen" at={summary.last_seen_at} none={text.never} relative />],
              [n.incarnation, device.incarnation],
            ]}
          />
        </section>
        <Why device={device} />
      </div>
      <div className="columns">
        <MoveBox device={device} />
        <RehearseBox device={device} />
      </div>
      <Agents device={device} />
      <Fallback device={device} />
      <section className="stack tight">
        <h2>{text.runs}</h2>
        {device.runs.length > 0 ? (
          <RunTable caption={text.runs} runs={device.runs} />
        ) : (
          <p className="muted">{text.noRuns}</p>
        )}
      </section>
      {device.computers.length > 0 && (
        <section className="stack tight">
          <h2>{text.history}</h2>
          <DataTable
            caption={text.history}
            rows={device.computers}
            rowKey={(row) => `${row.guid} ${row.since}`}
            columns={[
              {
                label: h.directory,
                cell: (row) =>
                  row.object_id ? (
                    <Link to={`/objects/${row.object_id}`}>{nameOf(row.directory_id)}</Link>
                  ) : (
                    nameOf(row.directory_id)
                  ),
              },
              { label: h.sid, cell: (row) => <code className="small">{row.sid ?? "–"}</code> },
              { label: h.guid, cell: (row) => <code className="small">{row.guid}</code> },
              { label: h.since, cell: (row) => <Time at={row.since} /> },
              { label: h.until, cell: (row) => <Time at={row.until} none={text.now} /> },
            ]}
          />
        </section>
      )}
    </>
  );
}

function Why({ device }: { device: Device }) {
  return (
    <section className="card stack tight">
      <h2>{text.why}</h2>
      {device.eligibility.length === 0 && (
        <p className="muted">
          {text.whyNone} <Link to="/batches">{text.toBatches}</Link>
        </p>
      )}
      {device.eligibility.map((one) => (
        <div key={one.runbook_id} data-decision={one.decision} data-code={one.code}>
          <p className="row">
            <Badge word={decision[one.decision]} />
            <Link to={`/runbooks/${one.runbook_id}`}>{one.runbook_name}</Link>
          </p>
          <p>{one.because}</p>
        </div>
      ))}
    </section>
  );
}
