// Makes or changes a directory, tests the connection, imports.
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ifMatch, must } from "../../api/client";
import { queryClient } from "../../api/query";
import type { Directory } from "../../api/types";
import { useCustomer } from "../../app/session";
import { jobState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { AskButton } from "../../ui/Dialogs";
import { submit } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Progress } from "../../ui/Progress";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { ConnectionResult } from "./ConnectionResult";
import { ImportButton, Imported } from "./DirectoriesPage";
import { DirectoryFields } from "./DirectoryForm";
import { draftOf, inputOf } from "./draft";
import { isImporting, testInput, useDirectory } from "./queries";
import { text } from "./text";

export default function DirectoryPage() {
  const { directoryId } = useParams({ strict: false }) as { directoryId?: string };
  const query = useDirectory(directoryId);
  const crumb = <Link to="/directories">{text.title}</Link>;
  if (directoryId && !query.data) {
    return (
      <Page title={text.title} crumb={crumb}>
        {query.error ? <ProblemNote error={query.error} /> : <Loading />}
      </Page>
    );
  }
  const directory = query.data;
  return (
    <Page
      title={directory?.name ?? text.newTitle}
      crumb={crumb}
      actions={directory && <Remove directory={directory} />}
    >
      <div className="columns">
        <Editor key={directory?.id ?? "new"} directory={directory} reload={() => void query.refetch()} />
        {directory && <ImportCard directory={directory} />}
      </div>
    </Page>
  );
}

function Editor({ directory, reload }: { directory?: Directory; reload: () => void }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const [draft, setDraft] = useState(() => draftOf(directory));
  const test = useMutation({ mutationFn: () => testInput(customer, inputOf(draft), directory?.id) });
  const save = useMutation({
    mutationFn: () => {
      const body = inputOf(draft);
      if (!directory) {
        return must<Directory>(
          api.POST("/customers/{customer}/directories", { params: { path: { customer } }, body }),
        );
      }
      return must<Directory>(
        api.PUT("/customers/{customer}/directories/{directory}", {
          params: { path: { customer, directory: directory.id } },
          headers: ifMatch(directory.version),
          body,
        }),
      );
    },
    onSuccess: (saved) => {
      queryClient.setQueryData([customer, "directory", saved.id], saved);
      void queryClient.invalidateQueries({ queryKey: [customer] });
      setDraft((old) => ({ ...old, password: "" }));
      if (!directory) void navigate({ to: `/directories/${saved.id}`, replace: true });
    },
  });
  return (
    <div className="stack">
      <form className="card form" onSubmit={submit(() => save.mutate())}>
        <DirectoryFields
          draft={draft}
          set={(change) => setDraft((old) => ({ ...old, ...change }))}
          error={save.error ?? test.error}
          passwordSet={directory?.password_set ?? false}
        />
        <SaveBar busy={save.isPending} saved={save.isSuccess} error={save.error} reload={reload}>
          <Button busy={test.isPending} onClick={() => test.mutate()}>
            {text.test}
          </Button>
        </SaveBar>
      </form>
      <ProblemNote error={test.error} />
      {test.data && <ConnectionResult test={test.data} />}
    </div>
  );
}

function ImportCard({ directory }: { directory: Directory }) {
  const job = directory.last_import;
  return (
    <section className="card stack">
      <h2>{text.lastImport}</h2>
      <p>
        <Imported directory={directory} />
        <br />
        <Time at={directory.imported_at} none={text.never} />
      </p>
      {job && (
        <div className="stack tight">
          <p className="row" role="status">
            <Badge word={jobState[job.state]} /> <span>{job.message}</span>
          </p>
          {isImporting(directory) && (
            <Progress label={text.importing(directory.name)} done={job.done} total={job.total} />
          )}
          <Link to={`/schedule/${job.id}`}>{text.messages}</Link>
        </div>
      )}
      <ImportButton directory={directory} small={false} />
    </section>
  );
}

function Remove({ directory }: { directory: Directory }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const remove = async () => {
    await must(
      api.DELETE("/customers/{customer}/directories/{directory}", {
        params: { path: { customer, directory: directory.id } },
        headers: ifMatch(directory.version),
      }),
    );
    await navigate({ to: "/directories" });
    await queryClient.invalidateQueries({ queryKey: [customer] });
  };
  return (
    <AskButton label={text.delete} title={text.deleteTitle} confirm={text.delete} onConfirm={remove}>
      <p>{text.deleteText}</p>
    </AskButton>
  );
}
