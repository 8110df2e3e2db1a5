//! Every picture of a user, without what an index doesn't need.

use trichrome_aws::Failure;

use super::{
    failed,
    rows::{DELETING, Rows, picture},
};
use crate::{Error, Picture};

impl Rows {
    /// All pictures of a user, the oldest first, by consistent reads. Each takes 1 MB of rows.
    pub(crate) async fn all(&self, user_id: &str) -> Result<Vec<Picture>, Error> {
        let mut pages = self.query(user_id).into_paginator().send();
        let mut pictures = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("list a user's rows", Failure::from(error)))?;
            for item in page.items.unwrap_or_default() {
                if !item.contains_key(DELETING) {
                    pictures.push(picture(item)?);
                }
            }
        }
        Ok(pictures)
    }
}
