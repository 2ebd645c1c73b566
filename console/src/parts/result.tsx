// What a call answered, by what it is. Nothing a function made becomes part of this page: HTML and SVG are text here.
import { useEffect, useState } from 'preact/hooks'
import type { Answer } from '../call.ts'
import * as format from '../format.ts'
import { recognise } from '../result-kind.ts'
import type { Shown } from '../result-kind.ts'
import { JsonTree } from './json-tree.tsx'

export function Result({ answer }: { answer: Answer }) {
  const [shown, setShown] = useState<Shown | undefined>(undefined)
  useEffect(() => {
    let current = true
    void recognise(answer.body).then((found) => {
      if (current) setShown(found)
    })
    return () => {
      current = false
    }
  }, [answer])
  if (shown === undefined) return null
  return (
    <div class="result">
      <div class="result-head">
        <h3>Result</h3>
        <span class="muted small">
          {WORDS[shown.as]}, {format.bytes(answer.body.size)}, {format.duration(answer.ms)}
        </span>
        {shown.as !== 'empty' && <Download body={answer.body} shown={shown} />}
      </div>
      <Body answer={answer} shown={shown} />
    </div>
  )
}

const WORDS: Readonly<Record<Shown['as'], string>> = {
  empty: 'empty',
  json: 'JSON',
  text: 'text',
  image: 'image',
  bytes: 'bytes',
}

function Body({ answer, shown }: { answer: Answer; shown: Shown }) {
  switch (shown.as) {
    case 'empty':
      return <p class="muted">The function returned nothing.</p>
    case 'json':
      return <JsonTree value={shown.value} />
    case 'text':
      return (
        <>
          <pre class="block" tabIndex={0} role="region" aria-label="Result text">
            {shown.text}
          </pre>
          {shown.cut && <p class="muted">This is its beginning; download it to see all.</p>}
        </>
      )
    case 'image':
      return <Picture body={answer.body} type={shown.type} />
    case 'bytes':
      return <p class="muted">These bytes are no text; download them.</p>
  }
}

function Picture({ body, type }: { body: Blob; type: string }) {
  const url = useBlobUrl(body, type)
  return url === undefined ? null : (
    <img class="picture" src={url} alt="The image that the function returned" />
  )
}

const ENDINGS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
}

function Download({ body, shown }: { body: Blob; shown: Shown }) {
  // A blob's address is of this origin: as plain bytes nothing in it can run, however it is opened.
  const url = useBlobUrl(body, 'application/octet-stream')
  const ending = { empty: 'bin', bytes: 'bin', json: 'json', text: 'txt', image: 'png' }[shown.as]
  const name = `result.${shown.as === 'image' ? (ENDINGS[shown.type] ?? ending) : ending}`
  return url === undefined ? null : (
    <a class="button" href={url} download={name}>
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
