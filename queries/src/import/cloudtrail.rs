//! AWS CloudTrail: files of `{"Records": [...]}`, records one a line, and archives of such files.
//!
//! A session is what an access key does: a temporary key's for its life, a long-lived key's on one day. `AssumeRole` and
//! its kin are actions in the caller's session that disclose the new credential, and open the new session, to the role,
//! with the caller's chain and the role session behind it; every later record with that key is an action in it. A
//! fingerprint of a credential is its access key id. What has no key (AWS's own services, console logins) has its
//! principal's session of that day.
//!
//! AWS delivers records late and out of order, so they are put into order of time before anything is made of them, as
//! far as memory goes: 32,768 records of one file or archive. Give files in order of time: who stands behind a key is
//! known to the files after it.

mod who;

use super::bounded::Sorted;
use super::draft::{self, Deed, Draft, Ids, filled, outcome, refused};
use super::value::{at, name, object, required, text, time};
use super::{Format, Framing, Head, Reader, Record, Skip, contains};
use interdict_schemas::{
    Account, Class, DisclosureKind, Event, Identity, Kind, Protocol, Source, Status, Target, Time, Verb,
};
use serde_json::Value;
use std::collections::VecDeque;
use who::Issued;

const NAME: &str = "cloudtrail";

#[derive(Debug)]
pub(super) struct CloudTrail;

impl Format for CloudTrail {
    fn name(&self) -> &'static str {
        NAME
    }

    fn framing(&self) -> Framing {
        Framing::Objects
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        let marks = [b"\"userIdentity\"".as_slice(), b"\"eventSource\"", b"\"eventName\""];
        let all = marks.iter().all(|mark| head.any(|line| contains(line, mark)));
        let digest = |line: &[u8]| contains(line, b"\"digestS3Object\"");
        // A document without records says little else.
        let empty = head.any(|line| line.starts_with(b"{\"Records\":[]"));
        (all || empty) && !head.any(digest)
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Trail>::default()
    }
}

#[derive(Default)]
struct Trail {
    issued: Issued,
    sorted: Sorted<Call>,
}

impl Reader for Trail {
    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        let value = object(record.text)?;
        let call = Call::parse(&value, record)?;
        // Who acts is asked when it comes to its turn; whether that can be answered is told here.
        self.issued.identify(&call.user).map_err(|skip| skip.under("userIdentity"))?;
        let bytes = record.text.len().saturating_mul(2);
        self.sorted.push(call.time, call, bytes);
        while let Some(call) = self.sorted.overflow() {
            call.tell(&mut self.issued, out);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut VecDeque<Event>) {
        while let Some(call) = self.sorted.pop() {
            call.tell(&mut self.issued, out);
        }
    }
}

/// What is used of a record.
struct Call {
    id: String,
    time: Time,
    user: Value,
    key: Option<String>,
    account: String,
    source: Source,
    service: String,
    operation: String,
    region: String,
    object: String,
    reads: bool,
    error: String,
    words: String,
    grant: Option<Grant>,
    login: Option<bool>,
    /// A new long-lived key, and whose it is.
    made: Option<(String, String)>,
}

/// Temporary credentials that were asked for.
struct Grant {
    role: String,
    session: String,
    principal: Option<String>,
    key: Option<String>,
    delegates: bool,
}

impl Call {
    fn parse(value: &Value, record: &Record<'_>) -> Result<Self, Skip> {
        let owned = |path: &str| name(value, path).map(|text| text.unwrap_or_default().to_owned());
        let user = at(value, "userIdentity").filter(|user| user.is_object());
        let user = user.ok_or_else(|| Skip::missing("userIdentity"))?.clone();
        let service = required(value, "eventSource")?.to_owned();
        let operation = required(value, "eventName")?.to_owned();
        let id = match name(value, "eventID")? {
            Some(id) => id.to_owned(),
            None => Ids::of(NAME, record).base(),
        };
        let account = match name(value, "recipientAccountId")? {
            Some(account) => account.to_owned(),
            None => owned("userIdentity.accountId")?,
        };
        let made = match (operation.as_str(), name(value, "responseElements.accessKey.accessKeyId")?) {
            ("CreateAccessKey", Some(key)) => Some((key.to_owned(), owned("responseElements.accessKey.userName")?)),
            _ => None,
        };
        let source = owned("sourceIPAddress")?;
        Ok(Self {
            time: time(required(value, "eventTime")?, "eventTime")?,
            key: name(&user, "accessKeyId")?.map(str::to_owned),
            source: draft::source(&source, 0),
            region: owned("awsRegion")?,
            object: resource(value)?,
            reads: at(value, "readOnly").and_then(Value::as_bool).unwrap_or_default(),
            error: owned("errorCode")?,
            words: text(value, "errorMessage").chars().take(1024).collect(),
            grant: Grant::parse(value, &service, &operation)?,
            login: (operation == "ConsoleLogin").then(|| text(value, "responseElements.ConsoleLogin") == "Success"),
            id,
            user,
            account,
            service,
            operation,
            made,
        })
    }

    /// Says what it means, and remembers who got which credential.
    fn tell(self, issued: &mut Issued, out: &mut VecDeque<Event>) {
        let Ok(identity) = issued.identify(&self.user) else { return };
        let mut ids = Ids::from(self.id.clone());
        let draft = self.draft(&identity);
        if let Some(success) = self.login {
            let session = Draft { session: format!("{}/login", self.id), ..draft };
            let kind = if success { Kind::Opened } else { refused("credential", self.failure()) };
            out.push_back(session.event(&mut ids, kind));
            return;
        }
        out.push_back(draft.did(&mut ids, self.deed()));
        let Some(grant) = &self.grant else { return };
        let to = if grant.delegates {
            who::delegate(&identity, &self.user, &grant.role, &grant.session)
        } else {
            identity.clone()
        };
        let opened = Draft {
            session: grant.key.clone().unwrap_or_else(|| format!("{}/refused", self.id)),
            target: self.target(if grant.delegates { Some(&grant.role) } else { None }),
            account: Account { name: to.actor().id.clone(), credential: grant.key.clone() },
            identity: to,
            ..draft
        };
        let kind = match &grant.key {
            Some(key) => {
                issued.insert(key, grant.principal.as_deref(), &opened.identity);
                Kind::Opened
            }
            None => refused("policy", self.failure()),
        };
        out.push_back(opened.event(&mut ids, kind));
    }

    fn draft(&self, identity: &Identity) -> Draft {
        let day = self.time.day();
        let session = match &self.key {
            // A long-lived key is used for years; what it does on a day is a session.
            Some(key) if key.starts_with("AKIA") => format!("{key}/{day}"),
            Some(key) => key.clone(),
            None => format!("{}/{day}", identity.actor().id),
        };
        let role = name(&self.user, "sessionContext.sessionIssuer.arn").ok().flatten();
        let is_role = name(&self.user, "type").ok().flatten() == Some("AssumedRole");
        Draft {
            time: self.time,
            session,
            identity: identity.clone(),
            source: self.source.clone(),
            target: self.target(role.filter(|_| is_role)),
            account: Account { name: identity.actor().id.clone(), credential: self.key.clone() },
        }
    }

    /// A role session is a way into its role; everything else is a way into its account.
    fn target(&self, role: Option<&str>) -> Target {
        let name = role.map_or_else(|| format!("aws:{}", self.account), str::to_owned);
        Target { host: None, ..draft::target(&name, Protocol::Cloud, 0) }
    }

    fn failure(&self) -> &str {
        if self.words.is_empty() { &self.error } else { &self.words }
    }

    fn deed(&self) -> Deed {
        let place = format!("{}/{}", self.region, self.object);
        let text = format!("{} {} {place}", self.operation, self.service);
        let status = if self.error.is_empty() { Status::Success } else { Status::Failure };
        let refusals = ["AccessDenied", "Unauthorized", "Forbidden"];
        let denied = refusals.iter().any(|word| self.error.contains(word)).then(|| self.failure().to_owned());
        let mut deed = Deed::new(Class::Api, self.verb(), text)
            .on(if self.object.is_empty() { self.service.clone() } else { self.object.clone() })
            .came_to(outcome(status, &self.error, &self.words))
            .denied(denied);
        if let Some(grant) = &self.grant
            && let Some(key) = &grant.key
        {
            deed = deed.taught(DisclosureKind::Credential, key, filled(&grant.role));
        }
        if let Some((key, user)) = &self.made {
            deed = deed.taught(DisclosureKind::Credential, key, filled(user));
        }
        deed
    }

    fn verb(&self) -> Verb {
        let operation = self.operation.as_str();
        let begins = |words: &[&str]| words.iter().any(|word| operation.starts_with(word));
        let rights = ["Policy", "AccessKey", "LoginProfile", "UserToGroup", "Role", "Permission", "Grant"];
        if self.grant.is_some() {
            Verb::Connect
        } else if self.reads || begins(&["Get", "List", "Describe", "Lookup", "Head"]) {
            Verb::Read
        } else if rights.iter().any(|word| operation.contains(word)) {
            Verb::Define
        } else if begins(&["SendCommand", "StartSession", "ResumeSession", "Invoke", "Execute", "SendSSH"]) {
            Verb::Execute
        } else if begins(&["Create", "Run", "Put", "Import", "Copy", "Register", "Allocate"]) {
            Verb::Create
        } else if begins(&["Delete", "Terminate", "Remove", "Deregister", "Release", "Destroy"]) {
            Verb::Delete
        } else if begins(&["Update", "Modify", "Set", "Attach", "Detach", "Stop", "Start", "Enable", "Disable"]) {
            Verb::Update
        } else {
            Verb::Other
        }
    }
}

impl Grant {
    fn parse(value: &Value, service: &str, operation: &str) -> Result<Option<Self>, Skip> {
        if service != "sts.amazonaws.com" {
            return Ok(None);
        }
        let delegates = match operation {
            "AssumeRole" | "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity" | "AssumeRoot" => true,
            "GetFederationToken" => true,
            "GetSessionToken" => false,
            _ => return Ok(None),
        };
        // A refusal tells only in its words what was asked for.
        let refused = text(value, "errorMessage").split_once("on resource: ").map_or("", |(_, rest)| rest);
        let refused = refused.split([' ', ',']).next().filter(|arn| arn.len() <= 1024).unwrap_or_default();
        let first = |paths: [&str; 4]| -> Result<String, Skip> {
            for path in paths {
                if let Some(found) = name(value, path)? {
                    return Ok(found.to_owned());
                }
            }
            Ok(String::new())
        };
        let session = first([
            "responseElements.assumedRoleUser.arn",
            "responseElements.federatedUser.arn",
            "requestParameters.roleSessionName",
            "requestParameters.name",
        ])?;
        let role = first([
            "requestParameters.roleArn",
            "responseElements.federatedUser.arn",
            "requestParameters.targetPrincipal",
            "requestParameters.name",
        ])?;
        let role = if role.is_empty() { refused.to_owned() } else { role };
        let (session, role) = match (session.is_empty(), role.is_empty()) {
            (_, true) if delegates => ("unknown".to_owned(), "unknown".to_owned()),
            (true, false) => (role.clone(), role),
            _ => (session, role),
        };
        let principal = match name(value, "responseElements.assumedRoleUser.assumedRoleId")? {
            Some(id) => Some(id),
            None => name(value, "responseElements.federatedUser.federatedUserId")?,
        };
        Ok(Some(Self {
            role,
            session,
            principal: principal.map(str::to_owned),
            key: name(value, "responseElements.credentials.accessKeyId")?.map(str::to_owned),
            delegates,
        }))
    }
}

/// What was acted on: the first resource the record names, else the parameter that is most like a name.
fn resource(value: &Value) -> Result<String, Skip> {
    let listed = at(value, "resources").and_then(|resources| resources.get(0));
    let found = listed.map_or(Ok(None), |resource| match name(resource, "ARN") {
        Ok(None) => name(resource, "arn"),
        found => found,
    })?;
    if let Some(found) = found {
        return Ok(found.to_owned());
    }
    const PARAMETERS: [&str; 12] = [
        "roleArn",
        "secretId",
        "bucketName",
        "functionName",
        "instanceId",
        "userName",
        "roleName",
        "groupName",
        "policyArn",
        "keyId",
        "name",
        "target",
    ];
    let parameters = at(value, "requestParameters");
    let named = |key: &&str| parameters.and_then(|all| all.get(*key)?.as_str());
    let found = PARAMETERS.iter().find_map(named).unwrap_or_default();
    Ok(found.chars().take(1024).collect())
}
