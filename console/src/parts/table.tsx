// A table of things of one kind, and the list around it: what is loading, wrong or empty, and what comes after.
import type { ComponentChildren } from 'preact'
import { Fragment } from 'preact'
import { useState } from 'preact/hooks'
import type { Pages } from '../hooks/use-pages.ts'
import { Refused } from './admin-key.tsx'
import { ErrorNote } from './error-note.tsx'
import { Refresh } from './refresh.tsx'
import { Loading } from './shown.tsx'

export interface Column<T> {
  head: string
  cell: (one: T) => ComponentChildren
  /** A count or a measure, which is compared with those above and below. */
  number?: boolean
  /** Left out where there is little room. */
  wide?: boolean
  /** The head is read out, not shown: what stands below says it. */
  silent?: boolean
}

interface TableProps<T> {
  /** What it holds, as `runs`. */
  things: string
  columns: readonly Column<T>[]
  items: readonly T[]
  keyOf: (one: T) => string | number
  /** Shown below a row on demand, and at once where `open` says so. */
  detail?: {
    name: (one: T) => string
    show: (one: T) => ComponentChildren
    open?: (one: T) => boolean
  }
}

export function Table<T>({ things, columns, items, keyOf, detail }: TableProps<T>) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Table of ${things}`}>
      <table>
        <thead>
          <tr>
            {columns.map(({ head, silent, ...looks }) => (
              <th key={head} scope="col" class={classOf(looks)}>
                {silent ? <span class="hidden">{head}</span> : head}
              </th>
            ))}
            {detail !== undefined && (
              <th scope="col">
                <span class="hidden">Details</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <Row key={keyOf(one)} one={one} columns={columns} detail={detail} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function classOf({ number, wide }: { number?: boolean; wide?: boolean }): string | undefined {
  if (number) return wide ? 'number wide' : 'number'
  return wide ? 'wide' : undefined
}

type RowProps<T> = Pick<TableProps<T>, 'columns'> & { one: T; detail: TableProps<T>['detail'] }

function Row<T>({ one, columns, detail }: RowProps<T>) {
  const [open, setOpen] = useState(() => detail?.open?.(one) ?? false)
  return (
    <Fragment>
      <tr>
        {columns.map(({ head, cell, ...looks }) => (
          <td key={head} class={classOf(looks)}>
            {cell(one)}
          </td>
        ))}
        {detail !== undefined && (
          <td>
            <button
              type="button"
              class="quiet"
              aria-expanded={open}
              aria-label={`Details of ${detail.name(one)}`}
              onClick={() => setOpen(!open)}
            >
              Details
            </button>
          </td>
        )}
      </tr>
      {open && detail !== undefined && (
        <tr class="detail">
          <td colSpan={columns.length + 1}>{detail.show(one)}</td>
        </tr>
      )}
    </Fragment>
  )
}

interface ListProps<T> extends Omit<TableProps<T>, 'items'> {
  pages: Pages<T>
  /** Shown in place of an empty table: it teaches what fills it. */
  empty: ComponentChildren
  /** In the order of their names; else the newest come first. */
  byName?: boolean
}

export function List<T>({ pages, empty, byName = false, ...table }: ListProps<T>) {
  const { items, error, reload, more, refused } = pages
  if (error !== undefined) return <Refused error={error} retry={reload} />
  if (items === undefined) return <Loading />
  // A page may be empty and have one after it, where the server looked far for what is asked for.
  if (items.length === 0 && more === undefined) return <div class="empty">{empty}</div>
  return (
    <>
      <Table {...table} items={items} />
      <Refresh onPress={reload}>
        {more !== undefined && (
          <button type="button" onClick={() => void more()}>
            Show {byName ? 'more' : 'older'} {table.things}
          </button>
        )}
      </Refresh>
      {refused !== undefined && <ErrorNote error={refused} />}
    </>
  )
}
