// The head of a page: where it is, what it is, what can be done.
import { type ReactNode, useEffect } from "react";
import { text } from "../app/text";

type Props = {
  title: string;
  lead?: ReactNode;
  crumb?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
};

export function Page({ title, lead, crumb, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${text.product}`;
  }, [title]);
  return (
    <>
      <div className="page-head">
        <div className="titles">
          {crumb && <div className="crumb">{crumb}</div>}
          <h1 className="wrap-anywhere">{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </div>
      <div className="stack">{children}</div>
    </>
  );
}
