// Shows the recovery key this one time and asks for proof that it was written down.
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, must } from "../../api/client";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import { CopyText } from "../../ui/CopyText";
import { TextField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { Page } from "../../ui/Page";
import { SaveBar } from "../../ui/SaveBar";
import { text } from "./text";

export function RecoveryKey({ recoveryKey }: { recoveryKey: string }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const confirm = useMutation({
    mutationFn: () => must(api.POST("/settings/recovery-key/confirm", { body: { recovery_key: typed } })),
    onSuccess: () => {
      queryClient.clear();
      void navigate({ to: "/guide" });
    },
  });
  return (
    <Page title={text.keyTitle} lead={text.keyText}>
      <CopyText label={text.key} value={recoveryKey} />
      <form className="form" onSubmit={submit(() => confirm.mutate())}>
        <TextField
          label={text.confirm}
          required
          mono
          value={typed}
          fault={faultOf(confirm.error, "recovery_key")}
          onChange={setTyped}
        />
        <SaveBar busy={confirm.isPending} error={confirm.error} label={text.confirmSubmit}>
          <Link className="button quiet" to="/guide">
            {text.later}
          </Link>
        </SaveBar>
      </form>
    </Page>
  );
}
