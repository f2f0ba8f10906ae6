import { Link } from "@tanstack/react-router";
import { count } from "../../app/time";
import { DataTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { useDirectoryName } from "../directories/queries";
import { useRunbooks } from "../runbooks/queries";
import { useBatches } from "./queries";
import { text } from "./text";

export default function BatchesPage() {
  const query = useBatches();
  const runbooks = useRunbooks();
  const nameOf = useDirectoryName();
  const c = text.columns;
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        <Link className="button primary" to="/batches/new">
          {text.add}
        </Link>
      }
    >
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {query.data?.length === 0 && <Empty title={text.empty}>{text.emptyText}</Empty>}
      {query.data && query.data.length > 0 && (
        <DataTable
          caption={text.list}
          rows={query.data}
          rowKey={(row) => row.id}
          columns={[
            { label: c.name, cell: (row) => <Link to={`/batches/${row.id}`}>{row.name}</Link> },
            {
              label: c.way,
              cell: (row) => `${nameOf(row.source_directory_id)} → ${nameOf(row.target_directory_id)}`,
            },
            { label: c.mode, cell: (row) => text.modes[row.mode] },
            {
              label: c.runbooks,
              cell: (row) =>
                row.runbooks
                  .map((one) => runbooks.data?.find((runbook) => runbook.id === one.runbook_id)?.name ?? "…")
                  .join(", ") || "–",
            },
            {
              label: c.finished,
              end: true,
              cell: (row) => `${count(row.counts.finished)} / ${count(row.counts.devices)}`,
            },
          ]}
        />
      )}
    </Page>
  );
}
