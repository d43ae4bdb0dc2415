// A web app in the sheet: one row for each event, once for each webhook_id. The event is what bellwire gives to an exec sink.
function doPost(request) {
  const lock = LockService.getScriptLock();
  lock.waitLock(20000);
  try {
    const event = JSON.parse(request.postData.contents);
    const sheet = SpreadsheetApp.getActiveSpreadsheet().getSheetByName('events');
    const known = sheet.createTextFinder(event.webhook_id).matchEntireCell(true).findNext();
    if (known) return ContentService.createTextOutput('written before');
    const data = event.data || {};
    const row = [event.webhook_id, event.time, event.type, event.title, data.symbol, data.realized_pl, data.currency];
    // The apostrophe keeps a text from being read as a formula.
    sheet.appendRow(row.map((cell) => (typeof cell === 'string' ? `'${cell}` : cell ?? '')));
    SpreadsheetApp.flush();
    return ContentService.createTextOutput('written');
  } finally {
    lock.releaseLock();
  }
}
