import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { SyncProfile } from "../../api/types";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { useDirectories, useDirectoryName } from "../directories/queries";
import { startSync, useSyncProfiles } from "./queries";
import { text } from "./text";

export default function SyncProfilesPage() {
  const query = useSyncProfiles();
  const directories = useDirectories();
  const nameOf = useDirectoryName();
  const c = text.columns;
  const without = directories.data?.length === 0;
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        <Link className="button primary" to="/sync-profiles/new">
          {text.add}
        </Link>
      }
    >
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {query.data?.length === 0 && (
        <Empty title={text.empty} action={without && <Link to="/directories">{text.toDirectories}</Link>}>
          {without ? text.emptyNoDirectories : text.emptyText}
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <DataTable
          caption={text.list}
          rows={query.data}
          rowKey={(row) => row.id}
          columns={[
            { label: c.name, cell: (row) => <Link to={`/sync-profiles/${row.id}`}>{row.name}</Link> },
            {
              label: c.way,
              cell: (row) => text.way(nameOf(row.source_directory_id), nameOf(row.target_directory_id)),
            },
            { label: c.found, cell: (row) => <Found profile={row} /> },
            { label: c.synced, cell: (row) => <Time at={row.synced_at} none={text.never} /> },
            { label: c.actions, cell: (row) => <SyncButton profile={row} /> },
          ]}
        />
      )}
    </Page>
  );
}

export function Found({ profile }: { profile: SyncProfile }) {
  const { matched, unmatched, ambiguous } = profile.counts;
  return <span className="number">{text.found(count(matched), count(unmatched), count(ambiguous))}</span>;
}

export function SyncButton({ profile }: { profile: SyncProfile }) {
  const customer = useCustomer();
  const start = useMutation({ mutationFn: () => startSync(customer, profile.id) });
  return (
    <div className="stack tight">
      <Button
        small
        busy={start.isPending}
        aria-label={`${text.sync}: ${profile.name}`}
        onClick={() => start.mutate()}
      >
        {text.sync}
      </Button>
      <ProblemNote error={start.error} />
    </div>
  );
}
