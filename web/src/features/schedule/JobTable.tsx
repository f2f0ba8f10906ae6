import { Link } from "@tanstack/react-router";
import type { Job } from "../../api/types";
import { count, counted, duration } from "../../app/time";
import { jobKind, jobState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { type Column, DataTable } from "../../ui/DataTable";
import { Progress } from "../../ui/Progress";
import { Time } from "../../ui/Time";
import { isOpen } from "./queries";
import { text } from "./text";

const c = text.columns;
export const jobName = (job: Job) => text.what(jobKind[job.kind], job.subject_name);

export const JOB_COLUMNS: readonly Column<Job>[] = [
  { label: c.what, cell: (job) => <Link to={`/schedule/${job.id}`}>{jobName(job)}</Link> },
  { label: c.state, cell: (job) => <Badge word={jobState[job.state]} /> },
  { label: c.progress, cell: (job) => <JobProgress job={job} /> },
  { label: c.said, cell: (job) => <span className="wrap-anywhere">{job.message || "–"}</span> },
  { label: c.when, cell: (job) => <Time at={job.created_at} /> },
  {
    label: c.took,
    end: true,
    cell: (job) => (job.started_at && job.finished_at ? duration(job.started_at, job.finished_at) : "–"),
  },
];

export function JobTable({ jobs }: { jobs: Job[] }) {
  return <DataTable caption={text.jobs} rows={jobs} rowKey={(job) => job.id} columns={JOB_COLUMNS} />;
}

export function JobProgress({ job }: { job: Job }) {
  if (isOpen(job)) return <Progress label={jobName(job)} done={job.done} total={job.total} />;
  if (job.errors + job.warnings > 0) {
    return (
      <span className="number">
        {[counted(job.errors, text.error), counted(job.warnings, text.warning)].join(", ")}
      </span>
    );
  }
  return <span className="number">{job.done > 0 ? count(job.done) : "–"}</span>;
}
