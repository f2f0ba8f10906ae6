// One job with its progress and its message log.
import { Link, useParams } from "@tanstack/react-router";
import { useCustomer } from "../../app/session";
import { jobState, severity } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { PagedTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { Empty } from "../../ui/Empty";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { JobProgress, JobTable, jobName } from "./JobTable";
import { cancelJob, isOpen, useJob, useMessages, useParts } from "./queries";
import { text } from "./text";

export default function JobPage() {
  const { jobId = "" } = useParams({ strict: false }) as { jobId?: string };
  const query = useJob(jobId);
  const job = query.data;
  const open = job !== undefined && isOpen(job);
  const customer = useCustomer();
  const messages = useMessages(jobId, open);
  const parts = useParts(jobId, open);
  return (
    <Page
      title={job ? jobName(job) : text.jobTitle}
      crumb={<Link to="/schedule">{text.title}</Link>}
      actions={
        open && (
          <AskButton
            label={text.cancel}
            title={text.cancelTitle}
            confirm={text.cancel}
            onConfirm={() => cancelJob(customer, jobId).then(() => query.refetch())}
          >
            <p>{text.cancelText}</p>
          </AskButton>
        )
      }
    >
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {job && (
        <section className="card stack tight">
          <p className="row" role="status">
            <Badge word={jobState[job.state]} /> <span>{job.message}</span>
          </p>
          <JobProgress job={job} />
          <p className="muted small">
            <Time at={job.started_at ?? job.created_at} /> – <Time at={job.finished_at} />
          </p>
        </section>
      )}
      {parts.data && parts.data.length > 0 && (
        <section className="stack tight">
          <h2>{text.parts}</h2>
          <JobTable jobs={parts.data} />
        </section>
      )}
      <section className="stack tight">
        <h2>{text.messages}</h2>
        <PagedTable
          caption={text.messages}
          pages={messages}
          rowKey={(message) => String(message.seq)}
          empty={
            open ? (
              <Empty title={text.noMessages}>{text.noMessagesText}</Empty>
            ) : (
              <Empty title={text.noMessagesEver}>{text.noMessagesEverText}</Empty>
            )
          }
          columns={[
            { label: text.at, cell: (message) => <Time at={message.at} style="log" /> },
            { label: text.severity, cell: (message) => <Badge word={severity[message.severity]} /> },
            { label: text.text, cell: (message) => <span className="wrap-anywhere">{message.text}</span> },
          ]}
        />
      </section>
    </Page>
  );
}
