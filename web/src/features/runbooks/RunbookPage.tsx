// The runbook editor: general settings and six tabs over one versioned document.
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { api, ifMatch, must } from "../../api/client";
import { queryClient } from "../../api/query";
import type { Runbook } from "../../api/types";
import { useCustomer } from "../../app/session";
import { AskButton } from "../../ui/Dialogs";
import type { Json } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { nameOf, startingPoint } from "./document";
import { useRunbook, useRunbookTemplate, useRunbookVersions } from "./queries";
import { RunbookEditor } from "./RunbookEditor";
import { text } from "./text";

export default function RunbookPage() {
  const { runbookId } = useParams({ strict: false }) as { runbookId?: string };
  const query = useRunbook(runbookId);
  const template = useRunbookTemplate(runbookId === undefined);
  const runbook = query.data;
  const crumb = <Link to="/runbooks">{text.title}</Link>;
  const document = runbook
    ? (runbook.document as Json)
    : template.data && startingPoint(template.data.document as Json);
  if (!document) {
    const error = query.error ?? template.error;
    return (
      <Page title={text.title} crumb={crumb}>
        {error ? <ProblemNote error={error} /> : <Loading />}
      </Page>
    );
  }
  return (
    <Page
      title={runbook?.name ?? text.newTitle}
      crumb={crumb}
      actions={runbook && <Remove runbook={runbook} />}
    >
      {runbook && <LeftOut runbook={runbook} />}
      <RunbookEditor
        key={runbook?.id ?? "new"}
        runbook={runbook}
        document={document}
        reload={() => void query.refetch()}
      />
      {runbook && <Versions id={runbook.id} />}
    </Page>
  );
}

/** Nothing that a runbook asks for is passed over in silence. */
function LeftOut({ runbook }: { runbook: Runbook }) {
  const gaps = runbook.left_out;
  if (gaps.length === 0) return null;
  const stops = gaps.some((gap) => gap.stops);
  return (
    <div className={stops ? "note bad" : "note warn"} role="status">
      <strong>{text.leftOut}</strong>
      {stops && <p>{text.leftOutStops}</p>}
      <ul>
        {gaps.map((gap) => (
          <li key={gap.field}>
            <strong>{nameOf(gap.field)}: </strong>
            {gap.message}
            {gap.stops && <span className="badge bad">{text.stops}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Versions({ id }: { id: string }) {
  const query = useRunbookVersions(id);
  return (
    <section className="card">
      <h2>{text.versions}</h2>
      <ProblemNote error={query.error} />
      <ul className="plain-list stack tight">
        {query.data?.map((one) => (
          <li key={one.version} className="row">
            <strong>{text.versionLine(one.version)}</strong>
            <span className="muted">
              {text.savedBy(one.saved_by)}, <Time at={one.saved_at} />
            </span>
            <code className="small muted" title={one.hash}>
              {one.hash.slice(0, 16)}
            </code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Remove({ runbook }: { runbook: Runbook }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const remove = async () => {
    await must(
      api.DELETE("/customers/{customer}/runbooks/{runbook}", {
        params: { path: { customer, runbook: runbook.id } },
        headers: ifMatch(runbook.newest_version),
      }),
    );
    await navigate({ to: "/runbooks" });
    await queryClient.invalidateQueries({ queryKey: [customer] });
  };
  return (
    <AskButton label={text.delete} title={text.deleteTitle} confirm={text.delete} onConfirm={remove}>
      <p>{text.deleteText}</p>
    </AskButton>
  );
}
