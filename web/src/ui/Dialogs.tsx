// Dialogs: a question before something that cannot be taken back, and a panel at the side.
import { type ReactNode, useState } from "react";
import { Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Button } from "./Button";
import { ProblemNote } from "./ProblemNote";
import { text } from "./text";

type PanelProps = { title: string; close: () => void; children: ReactNode };

export function SidePanel({ title, close, children }: PanelProps) {
  return (
    <ModalOverlay className="overlay side" isOpen isDismissable onOpenChange={(open) => !open && close()}>
      <Modal className="modal">
        <Dialog className="dialog">
          <div className="row between">
            <Heading slot="title">{title}</Heading>
            <Button small onClick={close}>
              {text.close}
            </Button>
          </div>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

type AskProps = {
  /** The words of the button that opens the question. */
  label: string;
  title: string;
  children: ReactNode;
  confirm: string;
  onConfirm: () => Promise<unknown>;
  look?: "primary" | "danger" | "quiet";
  small?: boolean;
  disabled?: boolean;
};

/** A button that asks before it acts, and shows why it could not. */
export function AskButton({
  label,
  title,
  children,
  confirm,
  onConfirm,
  look = "danger",
  small,
  disabled,
}: AskProps) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      setOpen(false);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const change = (next: boolean) => {
    setOpen(next);
    setError(null);
  };
  return (
    <>
      <Button look={look} small={small} disabled={disabled} onClick={() => change(true)}>
        {label}
      </Button>
      <ModalOverlay className="overlay" isOpen={open} onOpenChange={change}>
        <Modal className="modal">
          <Dialog className="dialog" role="alertdialog">
            <Heading slot="title">{title}</Heading>
            <div className="stack tight">{children}</div>
            <ProblemNote error={error} />
            <div className="row end">
              <Button onClick={() => change(false)}>{text.cancel}</Button>
              <Button look={look === "danger" ? "danger" : "primary"} busy={busy} onClick={() => void act()}>
                {confirm}
              </Button>
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}
