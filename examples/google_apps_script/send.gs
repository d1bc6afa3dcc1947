/**
 * Sends what happens in a Google Form or Sheet to closum-flows: Extensions (or the form's menu), Apps Script.
 *
 * 1. Paste this file. Project settings, Script properties: FLOWS_URL (https://…/v1/hooks/NAME) and FLOWS_SECRET
 *    (whsec_ and 24 random bytes in base64: the value of HOOK_SECRET_NAME).
 * 2. Triggers, Add: `formSubmitted` on form submit (of the form), or `rowSubmitted` on form submit (of the sheet that a
 *    form fills), or `rowEdited` on edit.
 *
 * The sources: `flows sources new NAME --preset google_forms`, or google_sheets. Signed as Standard Webhooks 1.0.0.
 * Event objects: https://developers.google.com/apps-script/guides/triggers/events
 */

function formSubmitted(e) {
  const answers = {};
  e.response.getItemResponses().forEach((one) => {
    answers[one.getItem().getTitle()] = one.getResponse();
  });
  const at = e.response.getTimestamp();
  send_({
    id: e.response.getId() + ":" + at.getTime(),
    event: "form_submit",
    at: at.toISOString(),
    form: { id: e.source.getId(), title: e.source.getTitle() },
    email: e.response.getRespondentEmail() || null,
    answers: answers,
  });
}

function rowSubmitted(e) {
  sendRow_("row_added", e.range);
}

function rowEdited(e) {
  sendRow_("row_edited", e.range);
}

function sendRow_(event, range) {
  const sheet = range.getSheet();
  const book = sheet.getParent();
  const row = range.getRow();
  const width = sheet.getLastColumn();
  const names = sheet.getRange(1, 1, 1, width).getValues()[0];
  const cells = sheet.getRange(row, 1, 1, width).getValues()[0];
  const values = {};
  names.forEach((name, index) => {
    const cell = cells[index];
    const column = sheet.getRange(1, index + 1).getA1Notation().replace(/\d/g, "");
    values[name || column] = cell instanceof Date ? cell.toISOString() : cell;
  });
  const now = new Date();
  send_({
    id: [book.getId(), sheet.getName(), row, now.getTime()].join(":"),
    event: event,
    at: now.toISOString(),
    spreadsheet: { id: book.getId(), name: book.getName() },
    sheet: sheet.getName(),
    row: row,
    values: values,
  });
}

/** Three tries with the same id, so that what was taken at the first counts once. */
function send_(body) {
  const properties = PropertiesService.getScriptProperties();
  const key = Utilities.base64Decode(properties.getProperty("FLOWS_SECRET").replace("whsec_", ""));
  const text = JSON.stringify(body);
  for (let attempt = 1; ; attempt++) {
    const stamp = String(Math.floor(Date.now() / 1000));
    const signed = Utilities.newBlob(body.id + "." + stamp + "." + text).getBytes();
    const signature = Utilities.base64Encode(Utilities.computeHmacSha256Signature(signed, key));
    const answer = UrlFetchApp.fetch(properties.getProperty("FLOWS_URL"), {
      method: "post",
      contentType: "application/json",
      payload: Utilities.newBlob(text).getBytes(),
      headers: { "webhook-id": body.id, "webhook-timestamp": stamp, "webhook-signature": "v1," + signature },
      followRedirects: false,
      muteHttpExceptions: true,
    });
    const status = answer.getResponseCode();
    if (status >= 200 && status < 300) return;
    if (attempt === 3 || (status >= 400 && status < 500 && status !== 408 && status !== 429)) {
      throw new Error("closum-flows answered " + status + ": " + answer.getContentText().slice(0, 500));
    }
    Utilities.sleep(attempt * 10000);
  }
}
