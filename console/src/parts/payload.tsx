// Bytes from outside, shown by what they are. Nothing of them becomes part of this page: HTML and SVG are text here.
import { useEffect, useMemo, useState } from 'preact/hooks'
import * as format from '../format.ts'
import { recognise } from './result-kind.ts'
import type { Shown } from './result-kind.ts'
import { JsonTree } from './json-tree.tsx'

interface Words {
  /** In place of nothing. */
  empty: string
  /** What a text is, as it is read out. */
  text: string
  /** What an image is. */
  image: string
}

/** Of what was sent here. */
export const SENT_WORDS: Words = {
  empty: 'It has no body.',
  text: 'Body text',
  image: 'The image that was sent',
}

interface Props {
  title: string
  /** Of the file that is saved, without its ending. */
  name: string
  body: Blob
  took?: string
  words: Words
}

export function Payload({ title, name, body, took, words }: Props) {
  const [shown, setShown] = useState<Shown | undefined>(undefined)
  useEffect(() => {
    let current = true
    void recognise(body).then((found) => {
      if (current) setShown(found)
    })
    return () => {
      current = false
    }
  }, [body])
  if (shown === undefined) return null
  const facts = [
    KIND_WORDS[shown.as],
    format.bytes(body.size),
    ...(took === undefined ? [] : [took]),
  ]
  return (
    <div class="result">
      <div class="result-head">
        <h3>{title}</h3>
        <span class="muted small">{facts.join(', ')}</span>
        {shown.as !== 'empty' && <Download body={body} shown={shown} name={name} />}
      </div>
      <Body body={body} shown={shown} words={words} />
    </div>
  )
}

const KIND_WORDS: Readonly<Record<Shown['as'], string>> = {
  empty: 'empty',
  json: 'JSON',
  text: 'text',
  image: 'image',
  bytes: 'bytes',
}

function Body({ body, shown, words }: { body: Blob; shown: Shown; words: Words }) {
  switch (shown.as) {
    case 'empty':
      return <p class="muted">{words.empty}</p>
    case 'json':
      return <JsonTree value={shown.value} />
    case 'text':
      return (
        <>
          <pre class="block" tabIndex={0} role="region" aria-label={words.text}>
            {shown.text}
          </pre>
          {shown.cut && <p class="muted">This is its beginning; download it to see all.</p>}
        </>
      )
    case 'image':
      return <Picture body={body} type={shown.type} alt={words.image} />
    case 'bytes':
      return <p class="muted">These bytes are no text; download them.</p>
  }
}

function Picture({ body, type, alt }: { body: Blob; type: string; alt: string }) {
  const url = useBlobUrl(body, type)
  return url === undefined ? null : <img class="picture" src={url} alt={alt} />
}

const ENDINGS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
}

function Download({ body, shown, name }: { body: Blob; shown: Shown; name: string }) {
  // A blob's address is of this origin: as plain bytes nothing in it can run, however it is opened.
  const url = useBlobUrl(body, 'application/octet-stream')
  const ending = { empty: 'bin', bytes: 'bin', json: 'json', text: 'txt', image: 'png' }[shown.as]
  const file = `${name}.${shown.as === 'image' ? (ENDINGS[shown.type] ?? ending) : ending}`
  return url === undefined ? null : (
    <a class="button" href={url} download={file}>
      Download
    </a>
  )
}

function useBlobUrl(body: Blob, type: string): string | undefined {
  const [url, setUrl] = useState<string | undefined>(undefined)
  useEffect(() => {
    const made = URL.createObjectURL(body.slice(0, body.size, type))
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [body, type])
  return url
}

/** A body as the API gives it: a text, or Base64 of what is none. Undefined: neither is there. */
export function useBytes(text: string | null, base64: string | null): Blob | undefined {
  return useMemo(() => {
    const bytes = text ?? (base64 === null ? undefined : fromBase64(base64))
    return bytes === undefined ? undefined : new Blob([bytes])
  }, [text, base64])
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))
}
