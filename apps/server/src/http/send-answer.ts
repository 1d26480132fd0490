import type Koa from 'koa'
import type { Answer } from './envelope.js'

/**
 * Sends what is ready in one piece: all headers in one go, as Node writes them, instead of one by one through Koa, which costs
 * as much as finding ten hits does. What is a stream, has no bytes or answers HEAD is left to Koa.
 */
export const sendAnswer = (
  ctx: Koa.Context,
  { status, contentType, body }: Answer,
  headers: Readonly<Record<string, string>>,
): void => {
  if (ctx.method === 'HEAD' || !(typeof body === 'string' || Buffer.isBuffer(body)) || body.length === 0) {
    ctx.status = status
    ctx.set('content-type', contentType)
    for (const name of Object.keys(headers)) ctx.set(name, headers[name]!)
    ctx.body = body
    return
  }
  ctx.respond = false
  if (!ctx.writable) return
  const flat = ['content-type', contentType, 'content-length', String(Buffer.byteLength(body))]
  for (const name of Object.keys(headers)) flat.push(name, headers[name]!)
  ctx.res.writeHead(status, flat)
  ctx.res.end(body)
}
