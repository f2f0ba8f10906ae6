import { Link } from "@tanstack/react-router";
import type { RunSummary } from "../../api/types";
import { duration } from "../../app/time";
import { runKind, runWord, stepName } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { type Column, DataTable } from "../../ui/DataTable";
import { Progress } from "../../ui/Progress";
import { Time } from "../../ui/Time";
import { isOpen } from "./queries";
import { text } from "./text";

const c = text.columns;

export const RUN_COLUMNS: readonly Column<RunSummary>[] = [
  {
    label: c.device,
    cell: (run) => (
      <Link className="nowrap" to={`/runs/${run.id}`}>
        {run.device_name}
      </Link>
    ),
  },
  { label: c.runbook, cell: (run) => text.version(run.runbook_name, run.runbook_version) },
  { label: c.kind, cell: (run) => runKind[run.kind] },
  { label: c.state, cell: (run) => <Badge word={runWord(run)} /> },
  { label: c.step, cell: (run) => <AtWork run={run} /> },
  { label: c.ordered, cell: (run) => <Time at={run.ordered_at} /> },
  {
    label: c.took,
    end: true,
    cell: (run) => (run.started_at && run.finished_at ? duration(run.started_at, run.finished_at) : "–"),
  },
];

function AtWork({ run }: { run: RunSummary }) {
  if (!isOpen(run)) return <span className="small">{run.reason || "–"}</span>;
  if (!run.step) return <>–</>;
  const name = stepName[run.step] ?? run.step;
  return (
    <div className="stack tight">
      <span className="small">{name}</span>
      {run.total > 0 && <Progress label={name} done={run.done} total={run.total} />}
    </div>
  );
}

export function RunTable({ caption, runs }: { caption: string; runs: RunSummary[] }) {
  return <DataTable caption={caption} rows={runs} rowKey={(run) => run.id} columns={RUN_COLUMNS} />;
}
