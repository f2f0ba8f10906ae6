import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Directory } from "../../api/types";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { jobState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Progress } from "../../ui/Progress";
import { Time } from "../../ui/Time";
import { isImporting, startImport, useDirectories } from "./queries";
import { text } from "./text";

export default function DirectoriesPage() {
  const query = useDirectories();
  const add = (
    <Link className="button primary" to="/directories/new">
      {text.add}
    </Link>
  );
  const c = text.columns;
  return (
    <Page title={text.title} lead={text.lead} actions={add}>
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {query.data?.length === 0 && <Empty title={text.empty}>{text.emptyText}</Empty>}
      {query.data && query.data.length > 0 && (
        <DataTable
          caption={text.list}
          rows={query.data}
          rowKey={(row) => row.id}
          columns={[
            { label: c.name, cell: (row) => <Link to={`/directories/${row.id}`}>{row.name}</Link> },
            { label: c.domain, cell: (row) => row.domain || "–" },
            { label: c.host, cell: (row) => `${row.connection.host}:${row.connection.port}` },
            { label: c.objects, cell: (row) => <Imported directory={row} /> },
            { label: c.imported, cell: (row) => <LastImport directory={row} /> },
            { label: c.actions, cell: (row) => <ImportButton directory={row} /> },
          ]}
        />
      )}
    </Page>
  );
}

export function Imported({ directory }: { directory: Directory }) {
  const { users, groups, computers } = directory.counts;
  return <span className="number">{text.objects(count(users), count(groups), count(computers))}</span>;
}

function LastImport({ directory }: { directory: Directory }) {
  const job = directory.last_import;
  if (job && isImporting(directory)) {
    return <Progress label={text.importing(directory.name)} done={job.done} total={job.total} />;
  }
  return (
    <span className="row">
      <Time at={directory.imported_at} none={text.never} />
      {job && job.state !== "succeeded" && <Badge word={jobState[job.state]} />}
    </span>
  );
}

export function ImportButton({ directory, small = true }: { directory: Directory; small?: boolean }) {
  const customer = useCustomer();
  const start = useMutation({ mutationFn: () => startImport(customer, directory.id) });
  return (
    <div className="stack tight">
      <Button
        small={small}
        busy={start.isPending}
        disabled={isImporting(directory)}
        aria-label={`${text.import}: ${directory.name}`}
        onClick={() => start.mutate()}
      >
        {text.import}
      </Button>
      <ProblemNote error={start.error} />
    </div>
  );
}
