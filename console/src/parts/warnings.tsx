// What the server warns of, where it did what was asked for.

export function Warnings({ all = [] }: { all: readonly string[] | undefined }) {
  return (
    <>
      {all.map((warning) => (
        <p key={warning} class="note warn">
          {warning}
        </p>
      ))}
    </>
  )
}
