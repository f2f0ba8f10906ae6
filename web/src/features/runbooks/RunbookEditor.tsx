import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { api, ifMatch, must } from "../../api/client";
import { faultOf, type ProblemError } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Runbook, RunbookInput } from "../../api/types";
import { useCustomer } from "../../app/session";
import { type Json, submit, withAt } from "../../ui/form";
import { SaveBar } from "../../ui/SaveBar";
import { type Doc, nameOf, tabOf } from "./document";
import { AppsTab } from "./tabs/AppsTab";
import { CompletionTab } from "./tabs/CompletionTab";
import { DeviceStateTab } from "./tabs/DeviceStateTab";
import { ExperienceTab } from "./tabs/ExperienceTab";
import { GeneralTab } from "./tabs/GeneralTab";
import { PermissionsTab } from "./tabs/PermissionsTab";
import { StartupTab } from "./tabs/StartupTab";
import { type TabKey, text } from "./text";

type Props = { runbook?: Runbook; document: Json; reload: () => void };
export type Passwords = { join: string; way_back: string };

export function RunbookEditor({ runbook, document, reload }: Props) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const [doc, setDoc] = useState(document);
  const [passwords, setPasswords] = useState<Passwords>({ join: "", way_back: "" });
  const [tab, setTab] = useState<TabKey>("general");
  const save = useMutation<Runbook, ProblemError>({
    mutationFn: () => {
      const body: RunbookInput = {
        document: doc as RunbookInput["document"],
        ...(passwords.join && { join_password: passwords.join }),
        ...(passwords.way_back && { return_password: passwords.way_back }),
      };
      if (!runbook) {
        return must<Runbook>(
          api.POST("/customers/{customer}/runbooks", { params: { path: { customer } }, body }),
        );
      }
      return must<Runbook>(
        api.PUT("/customers/{customer}/runbooks/{runbook}", {
          params: { path: { customer, runbook: runbook.id } },
          headers: ifMatch(runbook.newest_version),
          body,
        }),
      );
    },
    onSuccess: (saved) => {
      setPasswords({ join: "", way_back: "" });
      setDoc(saved.document as Json);
      queryClient.setQueryData([customer, "runbook", saved.id], saved);
      void queryClient.invalidateQueries({ queryKey: [customer] });
      if (!runbook) void navigate({ to: `/runbooks/${saved.id}`, replace: true });
    },
    onError: (error) => {
      const first = error.problem.errors?.[0];
      if (first) setTab(tabOf(first.field));
    },
  });
  const on: Doc = {
    doc,
    set: (path, value) => setDoc((old) => withAt(old, path, value)),
    fault: (path) => faultOf(save.error, path),
  };
  const faults = (key: TabKey) =>
    (save.error?.problem.errors ?? []).filter((one) => tabOf(one.field) === key).length;
  return (
    <form className="card" onSubmit={submit(() => save.mutate())} noValidate>
      <Tabs selectedKey={tab} onSelectionChange={(key) => setTab(key as TabKey)}>
        <TabList className="tabs-list" aria-label={text.title}>
          {(Object.keys(text.tabs) as TabKey[]).map((key) => (
            <Tab id={key} key={key} className="tab">
              {text.tabs[key]}
              {faults(key) > 0 && <span className="badge bad">{text.faults(faults(key))}</span>}
            </Tab>
          ))}
        </TabList>
        <Panel id="general">
          <GeneralTab on={on} self={runbook?.id} />
        </Panel>
        <Panel id="startup">
          <StartupTab on={on} />
        </Panel>
        <Panel id="user_experience">
          <ExperienceTab on={on} />
        </Panel>
        <Panel id="device_state">
          <DeviceStateTab on={on} runbook={runbook} passwords={passwords} setPasswords={setPasswords} />
        </Panel>
        <Panel id="permission_updates">
          <PermissionsTab on={on} />
        </Panel>
        <Panel id="app_reconfiguration">
          <AppsTab on={on} />
        </Panel>
        <Panel id="completion">
          <CompletionTab on={on} />
        </Panel>
      </Tabs>
      <hr className="rule" />
      <SaveBar
        busy={save.isPending}
        saved={save.isSuccess}
        error={save.error}
        reload={reload}
        nameOf={nameOf}
        label={runbook ? text.saveNext(runbook.newest_version + 1) : text.save}
      />
    </form>
  );
}

function Panel({ id, children }: { id: TabKey; children: React.ReactNode }) {
  return (
    <TabPanel id={id} className="form">
      {children}
    </TabPanel>
  );
}
