import { Link } from "@tanstack/react-router";
import { DataTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { useDirectoryName } from "../directories/queries";
import { useRunbooks } from "./queries";
import { text } from "./text";

export default function RunbooksPage() {
  const query = useRunbooks();
  const nameOf = useDirectoryName();
  const c = text.columns;
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        <Link className="button primary" to="/runbooks/new">
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
            { label: c.name, cell: (row) => <Link to={`/runbooks/${row.id}`}>{row.name}</Link> },
            {
              label: c.way,
              cell: (row) =>
                `${row.source_directory_ids.map((id) => nameOf(id)).join(", ")} → ${nameOf(row.target_directory_id)}`,
            },
            { label: c.version, end: true, cell: (row) => row.version },
            { label: c.changed, cell: (row) => <Time at={row.changed_at} /> },
            { label: c.batches, end: true, cell: (row) => row.batches },
            { label: c.finished, end: true, cell: (row) => row.finished },
          ]}
        />
      )}
    </Page>
  );
}
