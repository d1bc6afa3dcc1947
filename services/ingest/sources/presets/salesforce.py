"""Salesforce: outbound messages of flows and workflow rules, which are SOAP, with up to 100 notifications each."""

from services.ingest.sources.presets.preset import TOKEN, XML, Preset, Sample, confirmed, inferred

WSDL = "https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging-wsdl.html"
MESSAGES = "https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging-notifications.html"

BODY = """\
<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"\
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D5e000000KQ2eEAG</OrganizationId>
   <ActionId>04k5e000000CaRkAAK</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://papelaria.my.salesforce.com/services/Soap/c/60.0/00D5e000000KQ2e</EnterpriseUrl>
   <PartnerUrl>https://papelaria.my.salesforce.com/services/Soap/u/60.0/00D5e000000KQ2e</PartnerUrl>
   <Notification>
    <Id>04l5e00000Gx7QzAAJ</Id>
    <sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>00Q5e00000ZkM3hEAF</sf:Id>
     <sf:FirstName>Inês</sf:FirstName>
     <sf:LastName>Conceição</sf:LastName>
     <sf:Email>ines@example.com</sf:Email>
     <sf:MobilePhone>912 345 678</sf:MobilePhone>
     <sf:Company>Papelaria &amp; Filhos</sf:Company>
     <sf:LastModifiedDate>2026-03-02T09:30:00.000Z</sf:LastModifiedDate>
    </sObject>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
"""
LEAD = {
    "Id": "04l5e00000Gx7QzAAJ",
    "sObject": {
        "Id": "00Q5e00000ZkM3hEAF",
        "FirstName": "Inês",
        "LastName": "Conceição",
        "Email": "ines@example.com",
        "MobilePhone": "912 345 678",
        "Company": "Papelaria & Filhos",
        "LastModifiedDate": "2026-03-02T09:30:00.000Z",
    },
}
ACKNOWLEDGED = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)

PRESET = Preset(
    name="salesforce",
    title="Salesforce",
    setup="Setup, Outbound Messages: the fields to send, the whole address with its token; then a flow or rule "
    "that sends it",
    entry={
        "items": "/Envelope/Body/notifications/Notification",
        "id": "/Id",
        "time": ["/sObject/LastModifiedDate", "/sObject/SystemModstamp", "/sObject/CreatedDate"],
        "subject": ["/sObject/Id"],
        "answer": {"status": 200, "body": ACKNOWLEDGED, "content_type": "text/xml; charset=utf-8"},
        "token": TOKEN,
    },
    retries="for 24 hours, with the same notification ids, until all of a message are acknowledged",
    accepts="200 with a SOAP body that says Ack",
    samples=(Sample("a lead was changed", BODY, {"SOAPAction": '""'}, XML, events=[LEAD]),),
    evidence=(
        confirmed(WSDL, "id", "answer", "/Id", "/sObject", "type"),
        confirmed(MESSAGES, "proof", "retries"),
        inferred(WSDL, "time"),
    ),
    required=("Id", "sObject"),
)
