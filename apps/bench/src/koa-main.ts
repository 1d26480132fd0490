import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'

/*
 * What a request costs before any store touches it: a Koa route that reads the body, parses it as JSON and answers with as many
 * bytes as the request's `answer-bytes` asks for. A process of its own; it tells its port and ends with its parent.
 */

const answers = new Map<number, string>()
const answerOf = (bytes: number): string => {
  let text = answers.get(bytes)
  if (text === undefined) {
    text = JSON.stringify({ result: 'x'.repeat(Math.max(0, bytes - '{"result":""}'.length)) })
    answers.set(bytes, text)
  }
  return text
}

const app = new Koa()
app.use(async (ctx) => {
  const chunks: Buffer[] = []
  ctx.req.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(ctx.req, 'end')
  if (chunks.length > 0) JSON.parse(Buffer.concat(chunks).toString())
  ctx.set('content-type', 'application/json')
  ctx.body = answerOf(Number(ctx.get('answer-bytes')))
})

const server = app.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit(0))
