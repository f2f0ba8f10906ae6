// Everything known about one object.
import { Link, useParams } from "@tanstack/react-router";
import type { ObjectReport } from "../../api/types";
import { objectKind } from "../../app/words";
import { Facts } from "../../ui/Facts";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { useDirectoryName } from "../directories/queries";
import { RunTable } from "../runs/RunTable";
import { useSyncProfiles } from "../sync-profiles/queries";
import { ExplanationView, ObjectLine } from "../translations/ExplanationView";
import { useObject } from "./queries";
import { text } from "./text";

export default function ObjectPage() {
  const { objectId = "" } = useParams({ strict: false }) as { objectId?: string };
  const query = useObject(objectId);
  const crumb = <Link to="/objects">{text.title}</Link>;
  return (
    <Page title={query.data?.object.name ?? text.title} crumb={crumb}>
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {query.data && <Report report={query.data} />}
    </Page>
  );
}

function Report({ report }: { report: ObjectReport }) {
  const nameOf = useDirectoryName();
  const profiles = useSyncProfiles();
  const { object } = report;
  const f = text.facts;
  return (
    <>
      <div className="columns">
        <section className="card">
          <h2>{text.identity}</h2>
          <Facts
            facts={[
              [f.kind, objectKind[object.kind]],
              [f.account, object.account_name],
              [f.principal, object.principal],
              [f.directory, nameOf(object.directory_id)],
              [f.dn, report.distinguished_name],
              [f.sid, object.sid && <code>{object.sid}</code>],
              [f.history, report.sid_history.length > 0 && report.sid_history.join(", ")],
              [f.guid, <code key="guid">{report.guid}</code>],
              [f.enabled, report.enabled ? text.enabled : text.disabled],
              [
                f.device,
                report.device_id && <Link to={`/devices/${report.device_id}`}>{text.toDevice}</Link>,
              ],
            ]}
          />
        </section>
        <section className="card stack">
          <h2>{text.decisions}</h2>
          {report.explanations.length === 0 && (
            <p className="muted">
              {text.noDecisions} <Link to="/sync-profiles">{text.toProfiles}</Link>
            </p>
          )}
          {report.explanations.map((one) => (
            <div key={one.row.profile_id} className="stack tight">
              <h3>{profiles.data?.find((profile) => profile.id === one.row.profile_id)?.name ?? "…"}</h3>
              <ExplanationView explanation={one} />
              {one.row.target && <ObjectLine object={one.row.target} />}
            </div>
          ))}
        </section>
      </div>
      {report.runs.length > 0 && (
        <section className="stack tight">
          <h2>{text.runs}</h2>
          <RunTable caption={text.runs} runs={report.runs} />
        </section>
      )}
      <section className="card">
        <h2>{text.attributes}</h2>
        {Object.keys(report.attributes).length > 0 ? (
          <Facts
            facts={Object.entries(report.attributes).map(([name, values]) => [name, values.join("\n")])}
          />
        ) : (
          <p className="muted">
            {text.noAttributes} <Link to={`/directories/${object.directory_id}`}>{text.toDirectory}</Link>
          </p>
        )}
      </section>
    </>
  );
}
